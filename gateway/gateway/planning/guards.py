"""Arithmetic of guards: a guard is an "or" of "and"s of tests on variables; empty means always."""

from __future__ import annotations

from gateway.plan import ALWAYS, Guard

_MOST_WAYS = 16  # beyond this a guard is widened to "always": more is fetched, nothing is lost


def either(one: Guard, other: Guard) -> Guard:
    """Hold when one of both holds."""
    if not one or not other:
        return ALWAYS
    ways = dict.fromkeys((*one, *other))
    kept = [way for way in ways if not any(set(less) < set(way) for less in ways)]
    pairs = {way[0] for way in kept if len(way) == 1}
    if any((name, not wanted) in pairs for name, wanted in pairs):
        return ALWAYS
    return tuple(sorted(kept)) if len(kept) <= _MOST_WAYS else ALWAYS


def both(one: Guard, other: Guard) -> Guard | None:
    """Hold when both hold; None when they never can."""
    if not one or not other:
        return one or other
    ways = []
    for left in one:
        for right in other:
            tests = set(left) | set(right)
            if not any((name, not wanted) in tests for name, wanted in tests):
                ways.append(tuple(sorted(tests)))
    if not ways:
        return None
    return either(tuple(ways), tuple(ways)) if len(ways) > 1 else tuple(ways)


def spoken(guard: Guard) -> Guard:
    """Return what a guard says of the client's variables, whatever it says of deferrals."""
    if not any(is_deferral(name) for tests in guard for name, _ in tests):
        return guard
    joint: Guard | None = None
    for tests in guard:
        way = tuple(test for test in tests if not is_deferral(test[0]))
        this: Guard = (way,) if way else ALWAYS
        joint = this if joint is None else either(joint, this)
    return joint or ALWAYS


def phase(guard: Guard) -> Guard:
    """Return what a guard says of deferrals; always when it may hold without any."""
    joint: Guard | None = None
    for tests in guard:
        way = tuple(test for test in tests if is_deferral(test[0]))
        if not way:
            return ALWAYS
        joint = (way,) if joint is None else either(joint, (way,))
    return joint or ALWAYS


def is_deferral(name: str) -> bool:
    """Tell whether a test asks for the turn of a deferred fragment, not for a variable."""
    return name.startswith("@")
