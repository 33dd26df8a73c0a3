"""Real PostgreSQL and Valkey, a source that misbehaves on demand, and a pool at the HTTP seam."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

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
