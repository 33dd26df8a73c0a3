"""Due times that "today" or "this week" means, by the calendar of the user's time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from chassis.errors import BadInput


class Due(StrEnum):
    """The spans of due times a list can be filtered by."""

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
    """Return the time zone of an IANA name. Raise `BadInput` for an unknown one."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as problem:
        raise BadInput(
            f'timeZone "{name[:60]}" is not a time zone; write an IANA name like Asia/Shanghai.',
            f"未知时区“{name[:60]}”，请使用 Asia/Shanghai 这样的 IANA 名称。",
            field="timeZone",
        ) from problem


def span(due: Due, now: datetime, zone: ZoneInfo) -> Span:
    """Return the span of due times.

    A week begins on Monday; overdue ends now, not at midnight.
    """
    today = now.astimezone(zone).date()

    def midnight(days: int) -> datetime:
        local = datetime.combine(today + timedelta(days=days), time(), tzinfo=zone)
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
