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
