"""Every customer's access can be published again."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from chassis.db import SyncDatabase
from customers.pool.commands import access_facts
from customers.pool.commands.absorb import absorb
from customers.pool.domain.record import Source
from customers.republish_access import republish_access
from tests.customers.making import a_record, a_scope


def test_publishes_every_customer_once_in_batches(
    db: SyncDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_facts, "BATCH", 3)
    records = [a_record(str(n), name=f"第{n}家测试企业") for n in range(7)]
    db.write(absorb, a_scope(action="absorb"), Source("tryton"), records)
    db.write(lambda s: s.execute(text("DELETE FROM outbox")))

    assert republish_access(db) == 7

    published = db.read(
        lambda s: s.execute(text("SELECT body->'access' FROM outbox ORDER BY position")).scalars()
    )
    ids = [[row["id"] for row in access] for access in published]
    ids_by_order = db.read(
        lambda s: s.execute(text("SELECT id::text FROM customer ORDER BY id")).scalars()
    )
    assert [len(batch) for batch in ids] == [3, 3, 1]
    assert [id for batch in ids for id in batch] == list(ids_by_order)
