"""The table of idempotency keys was called `answered`: old databases migrate and still answer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any
from uuid import UUID

import orjson
import pytest
from sqlalchemy import inspect, text

from chassis import migrate
from chassis.db import SyncDatabase
from chassis.idempotency import run_idempotent

USER = UUID(int=1)
REQUEST = ["Acme", None]
BEFORE = {"activities": "0004", "customers": "0003", "identity": "0042", "integrations": "0002"}

every_service = pytest.mark.parametrize("service", BEFORE)


def names(db: SyncDatabase) -> set[str]:
    """The tables, constraints and indexes of idempotency keys under either name."""
    inspector = inspect(db.engine)
    tables = set(inspector.get_table_names()) & {"answered", "idempotency_key"}
    indexes = {str(index["name"]) for table in tables for index in inspector.get_indexes(table)}
    keys = {str(inspector.get_pk_constraint(table)["name"]) for table in tables}
    return tables | indexes | keys


def store_answer(db: SyncDatabase) -> None:
    """Write an answer down as the code before the migration did."""
    digest = hashlib.sha256(orjson.dumps(REQUEST)).hexdigest()
    values = {"actor": USER, "request": digest, "answer": '{"id": "7"}'}
    insert = (
        "INSERT INTO answered (actor, command, key, request, answer) "
        "VALUES (:actor, 'create', 'k-1', :request, CAST(:answer AS jsonb))"
    )
    db.write(lambda session: session.execute(text(insert), values))


def answer(db: SyncDatabase) -> dict[str, Any]:
    """Send the request again; running it would be a mistake."""

    def run() -> dict[str, Any]:
        raise AssertionError("the command ran again")

    return db.write(run_idempotent, USER, "k-1", "create", run, request=REQUEST)


@every_service
def test_an_old_database_migrates_and_still_answers(
    database: Callable[..., str], service: str
) -> None:
    url = database(service)
    db = SyncDatabase(url, application="test")
    migrate.downgrade(url, service, BEFORE[service])
    old_names = names(db)
    store_answer(db)

    migrate.upgrade(url, service)

    new_names, stored = names(db), answer(db)
    db.close()
    assert old_names == {"answered", "answered_pkey", "answered_at"}
    assert new_names == {"idempotency_key", "idempotency_key_pkey", "idempotency_key_at"}
    assert stored == {"id": "7"}


@every_service
def test_going_back_leaves_no_table_under_either_name(
    database: Callable[..., str], service: str
) -> None:
    url = database(service)
    db = SyncDatabase(url, application="test")

    migrate.downgrade(url, service, "base")
    nothing = names(db)
    migrate.upgrade(url, service)

    again = names(db)
    db.close()
    assert nothing == set()
    assert again == {"idempotency_key", "idempotency_key_pkey", "idempotency_key_at"}
