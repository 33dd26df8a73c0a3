"""A follow-up is one touch with a customer: what was said, through which channel, what comes next.

Only its author edits it, because it is a record of what that person did.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from activities.core.domain.ids import UserId
from activities.core.domain.moment import known, past
from activities.core.domain.text import optional, required
from chassis.errors import BadInput, Denied

LONGEST_SUMMARY = 4000
LONGEST_NEXT_STEP = 500


class Channel(StrEnum):
    CALL = "call"
    EMAIL = "email"
    VISIT = "visit"
    WECHAT = "wechat"
    MEETING = "meeting"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Draft:
    """A follow-up that may be written down: everything in it has been looked at."""

    channel: Channel
    summary: str
    occurred_at: datetime
    next_step: str | None
    next_due_at: datetime | None


def draft(
    *,
    channel: Channel,
    summary: str,
    occurred_at: datetime | None,
    next_step: str | None,
    next_due_at: datetime | None,
    now: datetime,
) -> Draft:
    """Check what was written; a due time without a step to take is refused."""
    happened = past(occurred_at, now, field="occurredAt") if occurred_at else now
    step = optional(next_step, field="nextStep", longest=LONGEST_NEXT_STEP)
    due = known(next_due_at, field="nextDueAt") if next_due_at else None
    if due and not step:
        raise BadInput(
            "nextDueAt is set but nextStep is empty; say what is to be done by then.",
            "已填写 nextDueAt，但 nextStep 为空；请说明届时要做什么。",
            field="nextStep",
        )
    if due and due < happened:
        raise BadInput(
            f"nextDueAt is {due.isoformat()}, before the follow-up itself "
            f"({happened.isoformat()}); the next step comes after it.",
            f"nextDueAt 为 {due.isoformat()}，早于跟进时间 {happened.isoformat()}；"
            "下一步应在其后。",
            field="nextDueAt",
        )
    said = required(summary, field="summary", longest=LONGEST_SUMMARY)
    return Draft(Channel(channel), said, happened, step, due)


def refuse_stranger(author: UserId, editor: UserId) -> None:
    """Only the author edits a follow-up."""
    if author != editor:
        raise Denied(
            "Only the author may edit a follow-up; log one of your own instead.",
            "只有跟进记录的作者可以修改；请另行登记您自己的跟进。",
        )


def changed(before: Draft, after: Draft) -> tuple[str, ...]:
    """The names of the fields whose values differ."""
    return tuple(name for name in Draft.__slots__ if getattr(before, name) != getattr(after, name))
