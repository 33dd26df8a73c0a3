"""Costs that are known at once, or as soon as the variables are; and how they are added up."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

Variables = Mapping[str, Any]
Cost = int | Callable[[Variables], int]
"""Known, or known with the variables."""

MOST = 10**15


def cost_of(cost: Cost, variables: Variables) -> int:
    """The number."""
    return cost if isinstance(cost, int) else cost(variables)


def total(parts: Iterable[Cost]) -> Cost:
    """All of them."""
    fixed, open_ = 0, []
    for part in parts:
        if isinstance(part, int):
            fixed += part
        else:
            open_.append(part)
    if not open_:
        return min(fixed, MOST)
    return lambda variables: min(fixed + sum(part(variables) for part in open_), MOST)


def dearest(parts: Iterable[Cost]) -> Cost:
    """The largest."""
    listed = list(parts)
    fixed = max((part for part in listed if isinstance(part, int)), default=0)
    open_ = [part for part in listed if not isinstance(part, int)]
    if not open_:
        return fixed
    return lambda variables: max(fixed, *(part(variables) for part in open_))


def product(times: Cost, other: Cost) -> Cost:
    """One so many times."""
    if isinstance(times, int) and isinstance(other, int):
        return min(max(times, 0) * other, MOST)
    return lambda variables: min(
        max(cost_of(times, variables), 0) * cost_of(other, variables), MOST
    )
