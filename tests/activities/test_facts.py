"""Facts of customers, handled twice, do what they do once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from activities.facts import HANDLERS, customers_changed
from chassis.db import SyncDatabase
from chassis.facts.stream import Received
from tests.activities.conftest import ACME, BOHAI
from tests.activities.people import LIN, SALES, WANG


def a_fact(name: str, *access: dict[str, Any]) -> Received:
    body = {"access": list(access), "survivor": str(BOHAI)}
    return Received(UUID(int=1), name, str(ACME), body, "customers", datetime.now(UTC))


def a_row(id: UUID, version: int, **more: Any) -> dict[str, Any]:
    row = {"id": str(id), "owner": str(LIN), "department": str(SALES), "version": version}
    return row | {"collaborators": [], "merged_into": None} | more


def state(db: SyncDatabase) -> list[tuple[Any, ...]]:
    query = text(
        "SELECT customer_id, owner_id, department_id, collaborators, projects, merged_into, "
        "root_id, version FROM customer_access ORDER BY customer_id"
    )
    return [tuple(row) for row in db.read(lambda s: s.execute(query).all())]


@pytest.mark.parametrize(
    "name", [name for name, handler in HANDLERS.items() if handler is customers_changed]
)
def test_twice_is_once(db: SyncDatabase, name: str) -> None:
    fact = a_fact(name, a_row(ACME, 2, merged_into=str(BOHAI)), a_row(BOHAI, 2))

    db.write(HANDLERS[name], fact)
    once = state(db)
    db.write(HANDLERS[name], fact)

    assert state(db) == once
    assert once[0][-2:] == (BOHAI, 2)


def test_a_late_fact_undoes_nothing(db: SyncDatabase) -> None:
    db.write(HANDLERS["customers.customer.unmerged"], a_fact("", a_row(ACME, 3)))
    db.write(
        HANDLERS["customers.customer.merged"], a_fact("", a_row(ACME, 2, merged_into=str(BOHAI)))
    )

    assert state(db)[0][-2:] == (ACME, 3)


def test_takes_owner_department_collaborators_and_projects(db: SyncDatabase) -> None:
    row = a_row(ACME, 5, owner=None, department=None, collaborators=[str(WANG)])
    row["projects"] = [str(BOHAI)]

    db.write(HANDLERS["customers.customer.changed"], a_fact("customers.customer.changed", row))

    assert state(db)[0] == (ACME, None, None, [WANG], [BOHAI], None, ACME, 5)


def test_a_fact_without_rows_changes_nothing(db: SyncDatabase) -> None:
    before = state(db)

    db.write(HANDLERS["customers.customer.changed"], a_fact("customers.customer.changed"))

    assert state(db) == before
