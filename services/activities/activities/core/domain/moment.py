"""Moments must have a time zone and are stored in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from chassis.errors import BadInput

CLOCK_SLACK = timedelta(minutes=5)
"""How far a client's clock may be ahead of ours."""

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)


def in_utc(moment: datetime, *, field: str) -> datetime:
    """Return the moment in UTC. Raise `BadInput` without a zone or outside 1970 to 2200."""
    if moment.tzinfo is None:
        raise BadInput(
            f"{field} has no time zone; write it like 2026-05-04T09:30:00+08:00.",
            f"{field} 缺少时区，请写成 2026-05-04T09:30:00+08:00 的形式。",
            field=field,
        )
    if not _EARLIEST <= moment <= _LATEST:
        raise BadInput(
            f"{field} is {moment.isoformat()}; it must lie between 1970 and 2200.",
            f"{field} 为 {moment.isoformat()}，应在 1970 年至 2200 年之间。",
            field=field,
        )
    return moment.astimezone(UTC)


def past(moment: datetime, now: datetime, *, field: str) -> datetime:
    """Return a moment in UTC. Raise `BadInput` if it lies ahead of `now` by over `CLOCK_SLACK`."""
    moment = in_utc(moment, field=field)
    if moment > now + CLOCK_SLACK:
        raise BadInput(
            f"{field} is {moment.isoformat()}, which is in the future; log an event after it took "
            "place, and create a task with a due time for a planned one.",
            f"{field} 为 {moment.isoformat()}，晚于当前时间；"
            "请在事后登记，尚未发生的事请建为带到期时间的任务。",
            field=field,
        )
    return moment
