"""Moments at which something begins or ends: in the future, in a time zone, and not for ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from chassis.errors import BadInput


def zoned(asked: datetime) -> datetime:
    """A moment without a time zone is meant in UTC."""
    return asked if asked.tzinfo else asked.replace(tzinfo=UTC)


def end(asked: datetime, begins: datetime, *, longest: timedelta, field: str) -> datetime:
    """When something ends: after it begins, and no later than it may last. Raises `BadInput`."""
    until = zoned(asked)
    if not begins < until <= begins + longest:
        raise BadInput(
            f"{field} must be a moment of the {_words(longest)} after {_text(begins)}.",
            f"{field} 须在 {_text(begins)} 之后的 {_zh(longest)}之内。",
            field=field,
        )
    return until


def _words(span: timedelta) -> str:
    return f"{span.days} days" if span.days else f"{span.seconds // 60} minutes"


def _zh(span: timedelta) -> str:
    return f" {span.days} 天" if span.days else f" {span.seconds // 60} 分钟"


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
