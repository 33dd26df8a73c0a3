"""A migrated database of the pool for every test that asks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chassis.db import SyncDatabase


@pytest.fixture
def db(database) -> Iterator[SyncDatabase]:  # type: ignore[no-untyped-def]  # fixture of tests.support
    opened = SyncDatabase(database("customers"), application="test", pool_size=8)
    yield opened
    opened.close()
