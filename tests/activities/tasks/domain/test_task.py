"""The life of a task: every status under every wish."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from activities.tasks.domain.task import (
    Happening,
    Move,
    Moved,
    Status,
    Unchanged,
    cancel,
    complete,
    draft,
    refuse_closed,
    reopen,
)
from chassis.errors import BadInput, Conflict

OPEN, DONE, CANCELLED = Status.OPEN, Status.DONE, Status.CANCELLED


@pytest.mark.parametrize(
    ("wish", "status", "outcome"),
    [
        (complete, OPEN, Moved(DONE, Happening.COMPLETED)),
        (complete, DONE, Unchanged()),
        (cancel, OPEN, Moved(CANCELLED, Happening.CANCELLED)),
        (cancel, CANCELLED, Unchanged()),
        (reopen, DONE, Moved(OPEN, Happening.REOPENED)),
        (reopen, CANCELLED, Moved(OPEN, Happening.REOPENED)),
        (reopen, OPEN, Unchanged()),
    ],
)
def test_moves(wish: Callable[[Status], Move], status: Status, outcome: Move) -> None:
    assert wish(status) == outcome


@pytest.mark.parametrize(("wish", "status"), [(complete, CANCELLED), (cancel, DONE)])
def test_does_not_jump_between_ends(wish: Callable[[Status], Move], status: Status) -> None:
    with pytest.raises(Conflict, match="reopen it first"):
        wish(status)


@pytest.mark.parametrize("status", [DONE, CANCELLED])
def test_a_closed_task_is_given_to_nobody(status: Status) -> None:
    with pytest.raises(Conflict):
        refuse_closed(status)


def test_a_due_time_may_be_past_but_has_a_zone() -> None:
    past = datetime(2020, 1, 1, tzinfo=UTC)

    assert draft(title=" Call back ", due_at=past).title == "Call back"
    with pytest.raises(BadInput) as refused:
        draft(title="Call back", due_at=past.replace(tzinfo=None))
    assert refused.value.field == "dueAt"
