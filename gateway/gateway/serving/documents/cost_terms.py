"""Costs as numbers, or as functions of the variables, and how they are added up."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

Variables = Mapping[str, Any]
Cost = int | Callable[[Variables], int]
"""A number, or a function of the variables."""

MOST = 10**15
"""Costs above this are cut off, so that products stay small integers."""


def cost_of(cost: Cost, variables: Variables) -> int:
    """Return the cost with these variables."""
    return cost if isinstance(cost, int) else cost(variables)


def total(parts: Iterable[Cost]) -> Cost:
    """Return the sum."""
    fixed, open_ = 0, []
    for part in parts:
        if isinstance(part, int):
            fixed += part
        else:
            open_.append(part)
    if not open_:
        return min(fixed, MOST)
    return lambda variables: min(fixed + sum(part(variables) for part in open_), MOST)


def most_expensive(parts: Iterable[Cost]) -> Cost:
    """Return the largest cost."""
    listed = list(parts)
    fixed = max((part for part in listed if isinstance(part, int)), default=0)
    open_ = [part for part in listed if not isinstance(part, int)]
    if not open_:
        return fixed
    return lambda variables: max(fixed, *(part(variables) for part in open_))


def product(times: Cost, other: Cost) -> Cost:
    """Return a cost taken so many times."""
    if isinstance(times, int) and isinstance(other, int):
        return min(max(times, 0) * other, MOST)
    return lambda variables: min(
        max(cost_of(times, variables), 0) * cost_of(other, variables), MOST
    )
