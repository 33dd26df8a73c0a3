"""Real PostgreSQL and Valkey, a source that misbehaves on demand, and a pool at the HTTP seam."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import event

from chassis.db import Database
from integrations.sync.services import runtime
from tests.integrations.client import Client
from tests.integrations.house import House, a_house, settings
from tests.integrations.pool import FakePool
from tests.integrations.source import FakeSource
from tests.support.serve import served


@pytest.fixture
def url(database: Callable[..., str]) -> str:
    return database("integrations")


@pytest.fixture
def source() -> FakeSource:
    return FakeSource()


@pytest.fixture
def source_url(source: FakeSource) -> Iterator[str]:
    with served(source.app()) as address:
        yield address


@pytest.fixture
def pool() -> FakePool:
    return FakePool()


@pytest.fixture
def pool_url(pool: FakePool) -> Iterator[str]:
    with served(pool.app()) as address:
        yield address


@pytest.fixture
def house(url: str, empty_redis: str, pool_url: str) -> Iterator[House]:
    with a_house(settings(url, empty_redis, pool_url)) as found:
        yield found


@pytest.fixture
async def client(house: House, url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    """The service uses the runtime of the test's house; every statement it runs is noted."""
    monkeypatch.setattr(runtime, "_runtimes", {})
    monkeypatch.setattr("integrations.sync.api.preview.sync_runtime", lambda _: house.runtime)
    db = Database(url, application="test")
    statements: list[str] = []

    @event.listens_for(db.engine.sync_engine, "before_cursor_execute")
    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    yield Client(house, db, statements)
    await db.close()
