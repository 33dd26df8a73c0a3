"""Combines guards: a guard is an "or" of "and"s of tests on variables; empty means always."""

from __future__ import annotations

from gateway.plan import ALWAYS, Guard

_MOST_WAYS = 16  # beyond this a guard is widened to "always": more is fetched, nothing is lost


def either(left: Guard, right: Guard) -> Guard:
    """Return the guard that holds when one of both holds."""
    if not left or not right:
        return ALWAYS
    all_ways = dict.fromkeys((*left, *right))
    ways = [way for way in all_ways if not any(set(less) < set(way) for less in all_ways)]
    single_tests = {way[0] for way in ways if len(way) == 1}
    if any((name, not value) in single_tests for name, value in single_tests):
        return ALWAYS
    return tuple(sorted(ways)) if len(ways) <= _MOST_WAYS else ALWAYS


def both(left: Guard, right: Guard) -> Guard | None:
    """Return the guard that holds when both hold; None when they never can."""
    if not left or not right:
        return left or right
    ways = []
    for left_way in left:
        for right_way in right:
            tests = set(left_way) | set(right_way)
            if not any((name, not value) in tests for name, value in tests):
                ways.append(tuple(sorted(tests)))
    if not ways:
        return None
    return either(tuple(ways), tuple(ways)) if len(ways) > 1 else tuple(ways)


def without_deferrals(guard: Guard) -> Guard:
    """Return a guard reduced to its tests on the client's variables."""
    if not any(is_deferral(name) for tests in guard for name, _ in tests):
        return guard
    joint: Guard | None = None
    for tests in guard:
        way = tuple(test for test in tests if not is_deferral(test[0]))
        reduced: Guard = (way,) if way else ALWAYS
        joint = reduced if joint is None else either(joint, reduced)
    return joint or ALWAYS


def deferral_phase(guard: Guard) -> Guard:
    """Return a guard reduced to its tests on deferrals; always when it may hold without any."""
    joint: Guard | None = None
    for tests in guard:
        way = tuple(test for test in tests if is_deferral(test[0]))
        if not way:
            return ALWAYS
        joint = (way,) if joint is None else either(joint, (way,))
    return joint or ALWAYS


def is_deferral(name: str) -> bool:
    """Return whether a test is on the turn of a deferred fragment instead of a variable."""
    return name.startswith("@")
