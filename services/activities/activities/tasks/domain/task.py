"""A task is something a user is to do for a customer, mostly by a due time.

It is open, then done or cancelled; reopening undoes both. Requesting the status that a task already
has changes nothing, so a repeated click is no error.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from activities.core.domain.moment import in_utc
from activities.core.domain.text import required
from chassis.errors import Conflict

LONGEST_TITLE = 500


class Status(StrEnum):
    """The status of a task."""

    OPEN = "open"
    DONE = "done"
    CANCELLED = "cancelled"


class Happening(StrEnum):
    """The events in the life of a task, as a timeline shows them."""

    CREATED = "created"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    REOPENED = "reopened"
    REASSIGNED = "reassigned"
    RESCHEDULED = "rescheduled"
    DUE = "due"


@dataclass(frozen=True, slots=True)
class Draft:
    """The checked content of a task."""

    title: str
    due_at: datetime | None


def draft(*, title: str, due_at: datetime | None) -> Draft:
    """Return the checked content. A due time in the past is allowed: it is overdue at once."""
    due = in_utc(due_at, field="dueAt") if due_at else None
    return Draft(required(title, field="title", longest=LONGEST_TITLE), due)


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The task already has the requested status."""


@dataclass(frozen=True, slots=True)
class Moved:
    """The task changes to another status, and the event for its timeline."""

    to: Status
    happening: Happening


Move = Unchanged | Moved


def complete(status: Status) -> Move:
    """Return the move to done. Raise `Conflict` for a cancelled task."""
    if status is Status.DONE:
        return Unchanged()
    _refuse_unless_open(status)
    return Moved(Status.DONE, Happening.COMPLETED)


def cancel(status: Status) -> Move:
    """Return the move to cancelled. Raise `Conflict` for a done task."""
    if status is Status.CANCELLED:
        return Unchanged()
    _refuse_unless_open(status)
    return Moved(Status.CANCELLED, Happening.CANCELLED)


def reopen(status: Status) -> Move:
    """Return the move to open."""
    if status is Status.OPEN:
        return Unchanged()
    return Moved(Status.OPEN, Happening.REOPENED)


def refuse_closed(status: Status) -> None:
    """Raise `Conflict` unless the task is open, as a change of assignee or due time requires."""
    _refuse_unless_open(status)


def _refuse_unless_open(status: Status) -> None:
    if status is not Status.OPEN:
        raise Conflict(
            f"The task is {status.value}; reopen it first.",
            f"任务状态为 {_CHINESE[status]}，请先重新打开。",
            field="id",
        )


_CHINESE = {Status.OPEN: "进行中", Status.DONE: "已完成", Status.CANCELLED: "已取消"}
