"""How many, told so that nobody is counted out: of customers that the reader may not see, only whole fives.

What somebody may read they may count, one by one. Of the others a number below five, or the difference
between two numbers that are one apart, would tell about a single customer. So their number is rounded down to
a multiple of five, in every group and in the total: parts and differences are whole fives as well.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

SMALLEST = 5


@dataclass(frozen=True, slots=True)
class Counted:
    """A group as it is: how many the reader sees of all of them."""

    key: str | None
    seen: int
    all: int


@dataclass(frozen=True, slots=True)
class Told:
    """A group as it is told."""

    key: str | None
    count: int
    exact: bool


def told(group: Counted) -> Told:
    """The number that may be told."""
    unseen = group.all - group.seen
    return Told(group.key, group.seen + unseen // SMALLEST * SMALLEST, unseen == 0)


def ranked(groups: Iterable[Counted], most: int) -> tuple[list[Told], int]:
    """The groups by what is told of them, and how many more there are. A group of which nothing may be
    told is not mentioned: that it exists would tell of somebody."""
    shown = [one for one in map(told, groups) if one.count]
    shown.sort(key=lambda one: (-one.count, one.key is None, one.key or ""))
    return shown[:most], max(0, len(shown) - most)
