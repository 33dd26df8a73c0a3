"""How long emergency access lasts, what must be written for it, and who may review it."""

from __future__ import annotations

from datetime import timedelta
from enum import Enum

from chassis.errors import BadInput, Denied, LimitExceeded
from identity.core.domain.ids import UserId
from identity.core.domain.text import optional, required

DEFAULT_MINUTES = 60
MOST_MINUTES = 480
MOST_AT_ONCE = 5
LONGEST_TEXT = 500


class Verdict(Enum):
    """What a reviewer decides about an emergency access afterwards."""

    JUSTIFIED = "justified"
    OBJECTED = "objected"


def duration(minutes: int) -> timedelta:
    """Return how long an emergency access lasts. Raises `BadInput`."""
    if not 1 <= minutes <= MOST_MINUTES:
        raise BadInput(
            f"minutes is {minutes}; emergency access lasts 1 to {MOST_MINUTES} minutes.",
            f"minutes 为 {minutes}；应急访问可持续 1 到 {MOST_MINUTES} 分钟。",
            field="minutes",
        )
    return timedelta(minutes=minutes)


def reason(text: str) -> str:
    """Return the trimmed reason, which the reviewer will read. Raises `BadInput` if it is empty."""
    return required(text, field="reason", longest=LONGEST_TEXT)


def note(text: str, verdict: Verdict) -> str:
    """Return the trimmed note of a reviewer. Raises `BadInput` for an objection without one."""
    if verdict is Verdict.OBJECTED:
        return required(text, field="note", longest=LONGEST_TEXT)
    return optional(text, field="note", longest=LONGEST_TEXT)


def refuse_many(open_count: int) -> None:
    """Raise `LimitExceeded` if a user has as many open emergency accesses as allowed.

    Emergency access is for one customer or a few, never a way to read the whole pool.
    """
    if open_count >= MOST_AT_ONCE:
        raise LimitExceeded(
            f"You have emergency access to {open_count} customers; end one before taking another.",
            f"您已有 {open_count} 个应急访问，请先结束其中之一。",
            limit="emergencyAccess",
            allowed=MOST_AT_ONCE,
        )


def refuse_self(user: UserId, reviewer: UserId) -> None:
    """Raise `Denied` if the reviewer is the user who took the emergency access."""
    if user == reviewer:
        raise Denied(
            "You took this emergency access yourself; another user has to review it.",
            "应急访问须由他人复核，不能由本人复核。",
            field="id",
        )
