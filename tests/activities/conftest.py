"""A database of activities with two customers: one of Lin's, one of Wang's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, text

from activities.core.domain.ids import CustomerId
from activities.customers.commands import project
from activities.customers.store import Access
from chassis.db import SyncDatabase
from tests.activities.people import LIN, SALES, WANG
from tests.activities.subgraph import subgraph

__all__ = ["subgraph"]

ACME, BOHAI = CustomerId(UUID(int=0xC1)), CustomerId(UUID(int=0xC2))


def an_access(id: CustomerId, owner: UUID | None = LIN, version: int = 1, **more: Any) -> Access:
    values: dict[str, Any] = {
        "department": SALES,
        "collaborators": (),
        "projects": (),
        "merged_into": None,
    }
    return Access(id=id, owner=owner, version=version, **(values | more))


@pytest.fixture
def url(database: Callable[..., str]) -> str:
    return database("activities")


@pytest.fixture
def db(url: str) -> Iterator[SyncDatabase]:
    db = SyncDatabase(url, application="test")
    db.write(project, [an_access(ACME), an_access(BOHAI, WANG)])
    yield db
    db.close()


@pytest.fixture
def queries(db: SyncDatabase) -> list[str]:
    """Every statement that is sent from now on."""
    sent: list[str] = []

    @event.listens_for(db.engine, "before_cursor_execute")
    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        sent.append(statement)

    return sent


def count(db: SyncDatabase, table: str) -> int:
    return int(db.read(lambda s: s.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()))


def facts(db: SyncDatabase) -> list[tuple[str, dict[str, Any]]]:
    """The facts that wait to leave, audit aside."""
    query = text(
        "SELECT name, body FROM outbox WHERE name <> 'audit.event.recorded' ORDER BY position"
    )
    return [(row.name, row.body) for row in db.read(lambda s: s.execute(query).all())]


def audits(db: SyncDatabase) -> list[dict[str, Any]]:
    query = text("SELECT body FROM outbox WHERE name = 'audit.event.recorded' ORDER BY position")
    return [row.body for row in db.read(lambda s: s.execute(query).all())]
