"""Disclosure control of counts: customers that the reader may not see count in whole fives only.

Customers that a user may read they may count one by one. Of the others, a number below five, or the
difference between two numbers that are one apart, would disclose a single customer. So their number
is rounded down to a multiple of five, in every group and in the total: parts and differences are
whole fives as well.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

SMALLEST = 5


@dataclass(frozen=True, slots=True)
class GroupCount:
    """The true count of a group: how many of all its customers the reader sees."""

    key: str | None
    seen: int
    all: int


@dataclass(frozen=True, slots=True)
class DisclosedCount:
    """The count of a group as it is disclosed; `exact` where the reader sees all its customers."""

    key: str | None
    count: int
    exact: bool


def disclose(group: GroupCount) -> DisclosedCount:
    """Round the customers that the reader does not see down to a multiple of five."""
    unseen = group.all - group.seen
    return DisclosedCount(group.key, group.seen + unseen // SMALLEST * SMALLEST, unseen == 0)


def rank_disclosed(groups: Iterable[GroupCount], limit: int) -> tuple[list[DisclosedCount], int]:
    """Rank groups by their disclosed count; return the largest, and how many more there are.

    A group with a disclosed count of zero is left out: its existence would disclose a customer.
    """
    shown = [group for group in map(disclose, groups) if group.count]
    shown.sort(key=lambda group: (-group.count, group.key is None, group.key or ""))
    return shown[:limit], max(0, len(shown) - limit)
