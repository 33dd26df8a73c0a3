"""Used rights are counted in memory and told as facts."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from chassis.audit.right_usage import RightUsage
from chassis.db import Database

ADA = UUID(int=1)


async def told(database: Database) -> list[list[object]]:
    async with database.engine.connect() as connection:
        rows = await connection.execute(
            text(
                "SELECT body -> 'uses' FROM outbox WHERE name = 'audit.right.used' "
                "ORDER BY position"
            )
        )
        return [[use[:3] + use[4:] for use in row] for row in rows.scalars()]


def test_counts_are_told_once_and_what_is_left_at_the_end(database) -> None:  # type: ignore[no-untyped-def]  # fixture of tests.support
    async def scenario() -> list[list[object]]:
        db = Database(database("activities"), application="test")
        usage = RightUsage()
        usage.count(ADA, [("Invoice", "read"), ("Invoice.amount", "read")])
        usage.count(ADA, [("Invoice", "read")])
        assert await usage.flush(db) == 2
        assert await usage.flush(db) == 0
        usage.count(ADA, [("Invoice", "pay")])
        running = asyncio.create_task(usage.run(db))
        await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        found = await told(db)
        await db.close()
        return found

    first, last = asyncio.run(scenario())

    assert sorted(map(str, first)) == sorted(
        map(str, [[str(ADA), "Invoice", "read", 2], [str(ADA), "Invoice.amount", "read", 1]])
    )
    assert last == [[str(ADA), "Invoice", "pay", 1]]


def test_what_could_not_be_told_is_counted_on(database) -> None:  # type: ignore[no-untyped-def]  # fixture of tests.support
    async def scenario() -> int:
        away = Database("postgresql://nobody@127.0.0.1:1/none", application="test")
        db = Database(database("activities"), application="test")
        usage = RightUsage()
        usage.count(ADA, [("Invoice", "read")])
        with pytest.raises(OperationalError):
            await usage.flush(away)
        found = await usage.flush(db)
        await away.close()
        await db.close()
        return found

    assert asyncio.run(scenario()) == 1
