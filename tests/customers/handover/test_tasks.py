"""The customers of somebody who left go to others by the rule, wherever it was cut short."""

from __future__ import annotations

import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID, uuid4

from sqlalchemy import text

from chassis.db import SyncDatabase
from chassis.policy.guard import Guard
from chassis.policy.rules import Member, Snapshot
from chassis.worker import Work
from customers.handover import commands, store
from customers.handover.domain import plan_of
from customers.handover.tasks import hand_over
from tests.customers.making import HEAD, LEAD, OTHER_REP, REP, SALES, SERVICE, STEWARD, a_policy

EAST = UUID(int=0xD5)


def a_company() -> Snapshot:
    """The rep left; east lies below sales, which the lead heads."""
    base = a_policy()
    users = {**base.users, REP: Member(SALES, (), active=False)}
    return replace(base, users=users, departments={**base.departments, EAST: SALES})


def work_on(db: SyncDatabase, snapshot: Snapshot) -> Work:
    guard = Guard()
    guard.swap(snapshot)
    return cast(Work, SimpleNamespace(db=db, fresh_guard=lambda: guard))


def owned(db: SyncDatabase, count: int, department: UUID = SALES, owner: UUID = REP) -> None:
    """Customers of somebody, written straight into the table."""
    db.write(
        lambda s: s.execute(
            text(
                "INSERT INTO customer (id, kind, version, name, lifecycle, owner_id, "
                "department_id, created_at, updated_at, name_key, name_grams) "
                "SELECT uuidv7(), 'ORGANIZATION', 1, 'C' || n, 'LEAD', :owner, :department, now(), "
                "now(), 'c' || n, '{}' FROM generate_series(1, :count) AS n"
            ),
            {"owner": owner, "department": department, "count": count},
        )
    )


def told(otherwise: list[str | None], **more: Any) -> dict[str, Any]:
    plan = {"otherwise": otherwise, "departments": {}, "heads": {}} | more
    return {
        "off_boarding": str(uuid4()),
        "user": str(REP),
        "by": str(STEWARD),
        "plan": plan,
        "policy_version": 7,
    }


def holders(db: SyncDatabase) -> dict[UUID | None, int]:
    rows = db.read(
        lambda s: s.execute(text("SELECT owner_id, count(*) FROM customer GROUP BY 1")).all()
    )
    return {row[0]: row[1] for row in rows}


def test_goes_on_where_it_was_cut_short_and_tells_of_each_customer_once(db: SyncDatabase) -> None:
    owned(db, 1200)
    snapshot, body = a_company(), told(["person", str(OTHER_REP)])
    for _ in range(2):
        db.write(commands.begin, body, whole=True)
    id = UUID(body["off_boarding"])

    db.write(commands.hand_over_batch, id, snapshot, time.time())
    half = db.read(store.latest, [REP])[REP]
    hand_over(work_on(db, snapshot))
    end = db.read(store.latest, [REP])[REP]

    assert (half.total, half.done, half.finished_at) == (1200, 500, None)
    assert (end.done, end.to_pool) == (1200, 0)
    assert end.finished_at is not None
    assert holders(db) == {OTHER_REP: 1200}
    counted = db.read(
        lambda s: s.execute(
            text(
                "SELECT (SELECT count(DISTINCT e->>'resource') FROM outbox, "
                "  jsonb_array_elements(body->'events') e WHERE name = 'audit.event.recorded' "
                "  AND e->'details'->>'off_boarding' = :id AND e->>'actor' = :by), "
                "(SELECT count(DISTINCT a->>'id') "
                "FROM outbox, jsonb_array_elements(body->'access') a "
                "  WHERE name = 'customers.customer.changed' AND a->>'owner' = :owner)"
            ),
            {"id": str(id), "by": str(STEWARD), "owner": str(OTHER_REP)},
        ).one()
    )
    assert tuple(counted) == (1200, 1200)
    assert db.read(lambda s: s.execute(text("SELECT DISTINCT version FROM customer")).all()) == [
        (2,)
    ]


def test_goes_by_department_to_the_nearest_head_and_else_to_the_pool(db: SyncDatabase) -> None:
    for department, count in ((EAST, 3), (SALES, 4), (SERVICE, 5)):
        owned(db, count, department)
    body = told(
        ["department_head", None],
        departments={str(HEAD): ["pool", None], str(SALES): ["department_head", None]},
        heads={str(SALES): str(LEAD), str(HEAD): str(STEWARD)},
    )

    db.write(commands.begin, body, whole=True)
    hand_over(work_on(db, a_company()))

    assert holders(db) == {LEAD: 7, None: 5}
    done = db.read(store.latest, [REP])[REP]
    assert (done.done, done.to_pool) == (12, 5)


def test_whoever_left_meanwhile_takes_nothing_over(db: SyncDatabase) -> None:
    owned(db, 2)
    company = a_company()
    gone = {**company.users, OTHER_REP: Member(SALES, ("rep",), until=time.time() - 1)}

    db.write(commands.begin, told(["person", str(OTHER_REP)]), whole=True)
    hand_over(work_on(db, replace(company, users=gone)))

    assert holders(db) == {None: 2}


def test_who_moves_hands_over_the_old_department_or_takes_it_along(db: SyncDatabase) -> None:
    owned(db, 3, SALES)
    owned(db, 2, SERVICE)
    moved = {"from": str(SALES), "into": str(SERVICE)}

    db.write(commands.begin, told(["keep", None], **moved), whole=False)
    hand_over(work_on(db, a_company()))

    assert holders(db) == {REP: 5}
    places = "SELECT DISTINCT department_id FROM customer"
    assert db.read(lambda s: s.execute(text(places)).all()) == [(SERVICE,)]
    assert db.read(store.latest, [REP])[REP].total == 3


def test_what_was_merged_away_goes_too(db: SyncDatabase) -> None:
    owned(db, 2)
    db.write(
        lambda s: s.execute(
            text(
                "UPDATE customer SET merged_into = (SELECT min(id::text)::uuid FROM customer) "
                "WHERE id = (SELECT max(id::text)::uuid FROM customer)"
            )
        )
    )

    db.write(commands.begin, told(["person", str(OTHER_REP)]), whole=True)
    hand_over(work_on(db, a_company()))

    assert holders(db) == {OTHER_REP: 2}


def test_reads_the_plan_of_a_fact() -> None:
    plan = plan_of(told(["person", str(LEAD)], heads={str(SALES): str(LEAD)})["plan"])

    assert (plan.otherwise.to, plan.otherwise.person) == ("person", LEAD)
    assert plan.heads == {SALES: LEAD}
