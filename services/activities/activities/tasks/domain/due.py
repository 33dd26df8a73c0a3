"""Which tasks "today" or "this week" means depends on where the person who asks lives."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from chassis.errors import BadInput


class Due(StrEnum):
    OVERDUE = "overdue"
    TODAY = "today"
    THIS_WEEK = "this_week"
    LATER = "later"
    UNDATED = "undated"


@dataclass(frozen=True, slots=True)
class Span:
    """Due times from `start` (included) to `end` (excluded); `None` is an open end."""

    start: datetime | None = None
    end: datetime | None = None
    undated: bool = False


def zone(name: str) -> ZoneInfo:
    """The time zone of this name; an unknown one is refused."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as problem:
        raise BadInput(
            f'timeZone "{name[:60]}" is unknown; write an IANA name like Asia/Shanghai.',
            f"未知时区“{name[:60]}”，请使用 Asia/Shanghai 这样的 IANA 名称。",
            field="timeZone",
        ) from problem


def span(due: Due, now: datetime, where: ZoneInfo) -> Span:
    """The due times a word means. A week begins on Monday; overdue ends now, not at midnight."""
    today = now.astimezone(where).date()

    def midnight(days: int) -> datetime:
        local = datetime.combine(today + timedelta(days=days), time(), tzinfo=where)
        return local.astimezone(UTC)

    next_monday = 7 - today.weekday()
    match due:
        case Due.OVERDUE:
            return Span(end=now)
        case Due.TODAY:
            return Span(midnight(0), midnight(1))
        case Due.THIS_WEEK:
            return Span(midnight(-today.weekday()), midnight(next_monday))
        case Due.LATER:
            return Span(start=midnight(next_monday))
        case Due.UNDATED:
            return Span(undated=True)
