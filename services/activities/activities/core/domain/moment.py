"""Moments carry their zone and are kept in UTC; a moment without a zone means nothing here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from chassis.errors import BadInput

CLOCK_SLACK = timedelta(minutes=5)
"""How far a client's clock may be ahead of ours."""

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)


def known(moment: datetime, *, field: str) -> datetime:
    """The moment in UTC; one without a zone, or outside any calendar we serve, is refused."""
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
    """A moment that has already come, give or take a clock that runs ahead."""
    moment = known(moment, field=field)
    if moment > now + CLOCK_SLACK:
        raise BadInput(
            f"{field} is {moment.isoformat()}, which lies ahead; what has not happened yet is a "
            "task with a due time.",
            f"{field} 为 {moment.isoformat()}，晚于当前时间；尚未发生的事请建为带到期时间的任务。",
            field=field,
        )
    return moment
