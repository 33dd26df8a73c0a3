"""Names of projects, and how long projects and memberships last."""

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
    """Return the trimmed name of a project. Raises `BadInput`."""
    return required(text, field="name", longest=LONGEST_NAME)


def description(text: str | None) -> str:
    """Return the trimmed description, which may be empty. Raises `BadInput`."""
    return optional(text, field="description", longest=LONGEST_DESCRIPTION)


def ends_at(end: datetime | None, now: datetime) -> datetime | None:
    """Return the end of a project; it gives no access from then on. Raises `BadInput`."""
    return moment.end(end, now, longest=LONGEST, field="endsAt") if end else None


def until(end: datetime | None, now: datetime) -> datetime | None:
    """Return the end of a membership; `None`: it ends with the project. Raises `BadInput`."""
    return moment.end(end, now, longest=LONGEST, field="until") if end else None


def refuse_many(count: int) -> None:
    """Raise `BadInput` unless a call names an allowed number of members."""
    if not 1 <= count <= MOST_AT_ONCE:
        raise BadInput(
            f"userIds has {count} ids; give 1 to {MOST_AT_ONCE} at once.",
            f"userIds 含 {count} 个编号，每次可提交 1 到 {MOST_AT_ONCE} 个。",
            field="userIds",
        )
