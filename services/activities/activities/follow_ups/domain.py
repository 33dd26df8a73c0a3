"""A follow-up records one contact with a customer: the channel, what was discussed, the next step.

Only its author may edit it, because it records what that user did.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from activities.core.domain.ids import UserId
from activities.core.domain.moment import in_utc, past
from activities.core.domain.text import optional, required
from chassis.errors import BadInput, Denied

LONGEST_SUMMARY = 4000
LONGEST_NEXT_STEP = 500


class Channel(StrEnum):
    """The channel of a contact."""

    CALL = "call"
    EMAIL = "email"
    VISIT = "visit"
    WECHAT = "wechat"
    MEETING = "meeting"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Draft:
    """The checked content of a follow-up."""

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
    """Return the checked content. Raise `BadInput` for a value that is not allowed."""
    contact = past(occurred_at, now, field="occurredAt") if occurred_at else now
    step = optional(next_step, field="nextStep", longest=LONGEST_NEXT_STEP)
    due = in_utc(next_due_at, field="nextDueAt") if next_due_at else None
    if due and not step:
        raise BadInput(
            "nextDueAt is set but nextStep is empty; write what is to be done by then.",
            "已填写 nextDueAt，但 nextStep 为空；请说明届时要做什么。",
            field="nextStep",
        )
    if due and due < contact:
        raise BadInput(
            f"nextDueAt is {due.isoformat()}, before the follow-up itself "
            f"({contact.isoformat()}); set a due time after it.",
            f"nextDueAt 为 {due.isoformat()}，早于跟进时间 {contact.isoformat()}；"
            "请填写其后的时间。",
            field="nextDueAt",
        )
    text = required(summary, field="summary", longest=LONGEST_SUMMARY)
    return Draft(Channel(channel), text, contact, step, due)


def refuse_stranger(author: UserId, editor: UserId) -> None:
    """Raise `Denied` unless the editor is the author."""
    if author != editor:
        raise Denied(
            "Only the author may edit a follow-up; log one of your own instead.",
            "只有跟进记录的作者可以修改；请另行登记您自己的跟进。",
        )


def changed_fields(before: Draft, after: Draft) -> tuple[str, ...]:
    """Return the names of the fields whose values differ."""
    return tuple(name for name in Draft.__slots__ if getattr(before, name) != getattr(after, name))
