"""What is done to tasks, and that each due one is told of once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from activities.core.domain.ids import TaskId, UserId
from activities.customers.commands import project
from activities.tasks import commands
from activities.tasks.commands import create_task, remind
from activities.tasks.domain.task import Status
from activities.tasks.store.task import TaskRow, by_ids
from chassis.db import SyncDatabase
from chassis.errors import BadInput, Conflict, HuichiError, NotFound
from tests.activities.conftest import ACME, an_access, audits, count, facts
from tests.activities.people import AUDITOR, LEAD, LIN, WANG, scope

PAST = datetime(2026, 1, 1, tzinfo=UTC)
FUTURE = datetime(2100, 1, 1, tzinfo=UTC)


def create(
    db: SyncDatabase,
    due_at: datetime | None = PAST,
    user: UUID = LIN,
    assignee: UUID = LIN,
    title: str = "Call Ms Zhao",
    key: str | None = None,
) -> TaskId:
    return db.write(
        create_task,
        scope(user, "Task", "create"),
        ACME,
        title=title,
        due_at=due_at,
        assignee=UserId(assignee),
        key=key,
    )


def update(db: SyncDatabase, command: Callable[..., TaskId], *asked: Any, user: UUID = LIN) -> None:
    db.write(command, scope(user, "Task", "update"), *asked)


def read(db: SyncDatabase, id: TaskId) -> TaskRow:
    [found] = db.read(by_ids, scope(AUDITOR, "Task"), [id])
    assert found is not None
    return found


def happenings(db: SyncDatabase) -> list[str]:
    query = text("SELECT happening FROM task_event ORDER BY occurred_at, id")
    return list(db.read(lambda s: s.scalars(query).all()))


def test_lives_from_open_to_done_and_back(db: SyncDatabase) -> None:
    id = create(db)

    update(db, commands.complete_task, id, 1)
    done = read(db, id)
    update(db, commands.complete_task, id, None)  # again: nothing happens
    update(db, commands.reopen_task, id, 2)
    open_ = read(db, id)

    assert (done.status, done.closed_at is None, done.version) == (Status.DONE, False, 2)
    assert (open_.status, open_.closed_at, open_.version) == (Status.OPEN, None, 3)
    assert happenings(db) == ["created", "completed", "reopened"]
    assert [name for name, _ in facts(db)] == [
        "activities.task.created",
        "activities.task.completed",
        "activities.task.reopened",
    ]
    assert audits(db)[1]["changes"] == {"status": ["open", "done"]}


def test_a_title_is_told_to_nobody(db: SyncDatabase) -> None:
    create(db)
    db.write(remind)

    assert "Zhao" not in repr(facts(db)) + repr(audits(db))


def test_reassigning_tells_from_whom_to_whom(db: SyncDatabase) -> None:
    id = create(db)

    update(db, commands.reassign_task, id, UserId(WANG), 1, user=LEAD)
    update(db, commands.reassign_task, id, UserId(WANG), None, user=LEAD)

    assert read(db, id).assignee == WANG
    assert audits(db)[-1]["changes"] == {"assignee": [str(LIN), str(WANG)]}
    assert happenings(db) == ["created", "reassigned"]


def test_whoever_is_to_do_a_task_sees_it_wherever_its_customer_belongs(db: SyncDatabase) -> None:
    id = create(db, user=LEAD, assignee=WANG)

    [of_assignee, of_owner] = [
        db.read(by_ids, scope(user, "Task"), [id])[0] for user in (WANG, LIN)
    ]
    update(db, commands.reassign_task, id, UserId(LEAD), None, user=LEAD)

    assert of_assignee is not None
    assert of_owner is not None
    assert db.read(by_ids, scope(WANG, "Task"), [id]) == [None]


@pytest.mark.parametrize(
    ("command", "asked", "error"),
    [
        (commands.complete_task, (7,), Conflict),
        (commands.reassign_task, (UserId(WANG), 7), Conflict),
        (commands.reschedule_task, (FUTURE.replace(tzinfo=None), None), BadInput),
    ],
)
def test_a_refusal_changes_nothing(
    db: SyncDatabase,
    command: Callable[..., TaskId],
    asked: tuple[Any, ...],
    error: type[HuichiError],
) -> None:
    id = create(db)
    before, told = read(db, id), count(db, "outbox")

    with pytest.raises(error):
        update(db, command, id, *asked)

    assert (read(db, id), count(db, "outbox")) == (before, told)


def test_a_stranger_finds_no_task_and_makes_none(db: SyncDatabase) -> None:
    id = create(db)
    before = read(db, id)

    with pytest.raises(NotFound):
        update(db, commands.complete_task, id, None, user=WANG)
    with pytest.raises(NotFound):
        create(db, user=WANG, assignee=WANG)

    assert read(db, id) == before
    assert count(db, "task") == 1


def test_a_closed_task_is_not_rescheduled(db: SyncDatabase) -> None:
    id = create(db)
    update(db, commands.cancel_task, id, None)

    with pytest.raises(Conflict, match="reopen it first"):
        update(db, commands.reschedule_task, id, FUTURE, None)

    assert read(db, id).due_at == PAST


def test_sent_again_with_its_key_is_one_task(db: SyncDatabase) -> None:
    assert create(db, key="k") == create(db, key="k")
    assert count(db, "task") == 1


def test_reminds_once_of_what_is_due_and_open(db: SyncDatabase) -> None:
    due = create(db)
    create(db, due_at=FUTURE)
    create(db, due_at=None)
    done = create(db)
    update(db, commands.complete_task, done, None)

    assert db.write(remind) == 1
    assert db.write(remind) == 0

    told = [(name, body) for name, body in facts(db) if name == "activities.task.fell_due"]
    body = {"customer": str(ACME), "assignee": str(LIN), "due_at": PAST.isoformat()}
    assert told == [("activities.task.fell_due", body)]
    assert read(db, due).reminded_at is not None
    assert happenings(db)[-1] == "due"


def test_reminds_again_at_a_new_time(db: SyncDatabase) -> None:
    id = create(db)
    db.write(remind)

    update(db, commands.reschedule_task, id, PAST + timedelta(days=1), None)

    assert db.write(remind) == 1


def test_two_schedulers_remind_once(db: SyncDatabase) -> None:
    for _ in range(40):
        create(db)
    gate = Barrier(2)

    def look(session: Session) -> int:
        gate.wait(5)
        reminded = remind(session, 25)
        gate.wait(5)  # both hold their rows at the same time
        return reminded

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: db.write(look), range(2))

    rest = db.write(remind)
    assert first + second + rest == 40
    assert sorted((first, second)) == [15, 25]
    assert len([1 for name, _ in facts(db) if name == "activities.task.fell_due"]) == 40


def test_a_batch_is_bounded(db: SyncDatabase) -> None:
    for _ in range(3):
        create(db)

    assert [db.write(remind, 2), db.write(remind, 2), db.write(remind, 2)] == [2, 1, 0]


def test_a_customer_given_away_takes_its_tasks_along(db: SyncDatabase) -> None:
    id = create(db, user=LEAD, assignee=LEAD)
    db.write(project, [an_access(ACME, WANG, version=2)])

    assert db.read(by_ids, scope(LIN, "Task"), [id]) == [None]
    assert db.read(by_ids, scope(WANG, "Task"), [id]) != [None]
