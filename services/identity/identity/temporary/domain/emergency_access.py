"""Emergency access: how long it lasts, what must be said for it, and who may judge it."""

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
    """What somebody else thinks of it afterwards."""

    JUSTIFIED = "justified"
    OBJECTED = "objected"


def lasts(minutes: int) -> timedelta:
    """How long it lasts. Raises `BadInput`."""
    if not 1 <= minutes <= MOST_MINUTES:
        raise BadInput(
            f"minutes is {minutes}; emergency access lasts 1 to {MOST_MINUTES} minutes.",
            f"minutes 为 {minutes}；应急访问可持续 1 到 {MOST_MINUTES} 分钟。",
            field="minutes",
        )
    return timedelta(minutes=minutes)


def reason(text: str) -> str:
    """Why it is taken; a reviewer will read it."""
    return required(text, field="reason", longest=LONGEST_TEXT)


def note(text: str, verdict: Verdict) -> str:
    """What a reviewer says; an objection needs words."""
    if verdict is Verdict.OBJECTED:
        return required(text, field="note", longest=LONGEST_TEXT)
    return optional(text, field="note", longest=LONGEST_TEXT)


def refuse_many(open_now: int) -> None:
    """Emergency access is for one customer or a few, never a way to read the pool."""
    if open_now >= MOST_AT_ONCE:
        raise LimitExceeded(
            f"You have emergency access to {open_now} customers; end one before taking another.",
            f"您已有 {open_now} 个应急访问，请先结束其中之一。",
            limit="emergencyAccess",
            allowed=MOST_AT_ONCE,
        )


def refuse_self(taken_by: UserId, reviewer: UserId) -> None:
    """Nobody judges their own."""
    if taken_by == reviewer:
        raise Denied(
            "Emergency access is reviewed by somebody else than who took it.",
            "应急访问须由他人复核，不能由本人复核。",
            field="id",
        )
