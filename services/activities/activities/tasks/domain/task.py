"""A task is something to be done for a customer by somebody, mostly by a certain time.

Its life: open, then done or cancelled; both can be taken back by reopening. Asking for the state a
task is already in changes nothing, so a repeated click is no error.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from activities.core.domain.moment import known
from activities.core.domain.text import required
from chassis.errors import Conflict

LONGEST_TITLE = 500


class Status(StrEnum):
    OPEN = "open"
    DONE = "done"
    CANCELLED = "cancelled"


class Happening(StrEnum):
    """What a timeline tells about a task."""

    CREATED = "created"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    REOPENED = "reopened"
    REASSIGNED = "reassigned"
    RESCHEDULED = "rescheduled"
    DUE = "due"


@dataclass(frozen=True, slots=True)
class Draft:
    """A task that may be written down."""

    title: str
    due_at: datetime | None


def draft(*, title: str, due_at: datetime | None) -> Draft:
    """Check what was written. A due time in the past is allowed: it is overdue at once."""
    due = known(due_at, field="dueAt") if due_at else None
    return Draft(required(title, field="title", longest=LONGEST_TITLE), due)


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The task is already as asked for."""


@dataclass(frozen=True, slots=True)
class Moved:
    """The task goes from one status to another, and this is what the timeline tells."""

    to: Status
    happening: Happening


Move = Unchanged | Moved


def complete(status: Status) -> Move:
    """Done; a cancelled task must be reopened first."""
    if status is Status.DONE:
        return Unchanged()
    _refuse_unless_open(status)
    return Moved(Status.DONE, Happening.COMPLETED)


def cancel(status: Status) -> Move:
    """Not to be done after all; a done task must be reopened first."""
    if status is Status.CANCELLED:
        return Unchanged()
    _refuse_unless_open(status)
    return Moved(Status.CANCELLED, Happening.CANCELLED)


def reopen(status: Status) -> Move:
    """Take a completion or a cancellation back."""
    if status is Status.OPEN:
        return Unchanged()
    return Moved(Status.OPEN, Happening.REOPENED)


def refuse_closed(status: Status) -> None:
    """Only an open task gets another assignee or another due time."""
    _refuse_unless_open(status)


def _refuse_unless_open(status: Status) -> None:
    if status is not Status.OPEN:
        raise Conflict(
            f"The task is {status.value}; reopen it first.",
            f"任务状态为 {_CHINESE[status]}，请先重新打开。",
            field="id",
        )


_CHINESE = {Status.OPEN: "进行中", Status.DONE: "已完成", Status.CANCELLED: "已取消"}
