"""The open tasks of somebody who left go to others; none is left without anybody."""

from __future__ import annotations

import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID, uuid4

from sqlalchemy import text

from activities.core.domain.ids import CustomerId, UserId
from activities.customers.commands import project
from activities.handover import commands, store
from activities.handover.tasks import hand_over
from chassis.db import SyncDatabase
from chassis.policy.guard import Guard
from chassis.policy.rules import Member, Snapshot
from chassis.worker import Work
from tests.activities.conftest import ACME, BOHAI, an_access
from tests.activities.people import AUDITOR, LEAD, LIN, SALES, SERVICE, WANG, policy


def a_company() -> Snapshot:
    base = policy()
    return replace(base, users={**base.users, LIN: Member(SALES, (), active=False)})


def work_on(db: SyncDatabase, snapshot: Snapshot) -> Work:
    guard = Guard()
    guard.swap(snapshot)
    return cast(Work, SimpleNamespace(db=db, fresh_guard=lambda: guard))


def tasks(db: SyncDatabase, count: int, customer: CustomerId, status: str = "open") -> None:
    closed = "NULL" if status == "open" else "now()"
    db.write(
        lambda s: s.execute(
            text(
                "INSERT INTO task (customer_id, assignee_id, creator_id, title, status, closed_at) "
                f"SELECT :c, :a, :a, 'T' || n, :s, {closed} FROM generate_series(1, :n) AS n"
            ),
            {"c": customer, "a": LIN, "s": status, "n": count},
        )
    )


def told(otherwise: list[str | None], **more: Any) -> dict[str, Any]:
    plan = {"otherwise": otherwise, "departments": {}, "heads": {}} | more
    return {
        "off_boarding": str(uuid4()),
        "user": str(LIN),
        "by": str(AUDITOR),
        "plan": plan,
        "policy_version": 7,
    }


def doers(db: SyncDatabase) -> dict[tuple[UUID, str], int]:
    rows = db.read(
        lambda s: s.execute(
            text("SELECT assignee_id, status, count(*) FROM task GROUP BY 1, 2")
        ).all()
    )
    return {(row[0], row[1]): row[2] for row in rows}


def test_open_tasks_go_to_somebody_and_closed_ones_stay(db: SyncDatabase) -> None:
    db.write(project, [an_access(ACME)])
    tasks(db, 700, ACME)
    tasks(db, 3, ACME, "done")
    body = told(["person", str(WANG)])
    for _ in range(2):
        db.write(commands.begin, body, whole=True)

    db.write(commands.step, UUID(body["off_boarding"]), a_company(), time.time())
    half = db.read(store.latest, [UserId(LIN)])[UserId(LIN)]
    hand_over(work_on(db, a_company()))
    end = db.read(store.latest, [UserId(LIN)])[UserId(LIN)]

    assert (half.total, half.done) == (700, 500)
    assert (end.done, end.finished_at is not None) == (700, True)
    assert doers(db) == {(WANG, "open"): 700, (LIN, "done"): 3}
    told_of = "SELECT count(*) FROM outbox WHERE name = 'activities.task.reassigned'"
    assert db.read(lambda s: s.execute(text(told_of)).scalar_one()) == 700
    remembered = "SELECT count(*) FROM task_event WHERE happening = 'reassigned'"
    assert db.read(lambda s: s.execute(text(remembered)).scalar_one()) == 700


def test_there_is_no_pool_for_tasks(db: SyncDatabase) -> None:
    db.write(project, [an_access(ACME), an_access(BOHAI, department=SERVICE, version=2)])
    tasks(db, 2, ACME)
    tasks(db, 3, BOHAI)

    db.write(commands.begin, told(["pool", None], heads={str(SALES): str(LEAD)}), whole=True)
    hand_over(work_on(db, a_company()))

    assert doers(db) == {(LEAD, "open"): 2, (AUDITOR, "open"): 3}


def test_who_moves_keeps_what_is_not_of_the_old_department(db: SyncDatabase) -> None:
    db.write(project, [an_access(ACME), an_access(BOHAI, department=SERVICE, version=2)])
    tasks(db, 2, ACME)
    tasks(db, 3, BOHAI)
    body = told(["person", str(WANG)], **{"from": str(SALES), "into": str(SERVICE)})

    db.write(commands.begin, body, whole=False)
    # The customer changed hands before the worker came by.
    db.write(project, [an_access(ACME, owner=WANG, department=SERVICE, version=2)])
    hand_over(work_on(db, policy()))

    assert doers(db) == {(WANG, "open"): 2, (LIN, "open"): 3}
