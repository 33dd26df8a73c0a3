"""What a project is called, and how long it and somebody's part in it last."""

from __future__ import annotations

from datetime import datetime, timedelta

from chassis.errors import BadInput
from identity.core.domain import moment
from identity.core.domain.text import optional, required

LONGEST_NAME = 100
LONGEST_DESCRIPTION = 500
LONGEST = timedelta(days=3660)
MOST_AT_ONCE = 200


def name(text: str) -> str:
    """The name a project may have."""
    return required(text, field="name", longest=LONGEST_NAME)


def description(text: str | None) -> str:
    """What it is about, in words."""
    return optional(text, field="description", longest=LONGEST_DESCRIPTION)


def ends_at(asked: datetime | None, now: datetime) -> datetime | None:
    """When the project ends; nobody reaches anything by it from then on."""
    return moment.end(asked, now, longest=LONGEST, field="endsAt") if asked else None


def until(asked: datetime | None, now: datetime) -> datetime | None:
    """When somebody's part in it ends; null: with the project."""
    return moment.end(asked, now, longest=LONGEST, field="until") if asked else None


def refuse_many(count: int) -> None:
    """Members come and go some at a time."""
    if not 1 <= count <= MOST_AT_ONCE:
        raise BadInput(
            f"userIds has {count} ids; 1 to {MOST_AT_ONCE} are taken at once.",
            f"userIds 含 {count} 个编号，每次可提交 1 到 {MOST_AT_ONCE} 个。",
            field="userIds",
        )
