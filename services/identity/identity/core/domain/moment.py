"""Moments at which something begins or ends: with a time zone, in the future, within a limit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from chassis.errors import BadInput


def zoned(moment: datetime) -> datetime:
    """Return the moment with a time zone; one without is in UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def end(moment: datetime, begins: datetime, *, longest: timedelta, field: str) -> datetime:
    """Return the end with a time zone.

    Raises `BadInput` if it is before the begin or more than `longest` after it.
    """
    until = zoned(moment)
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
