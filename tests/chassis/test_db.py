"""Connections that nobody waits for any more."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import psycopg
import pytest

from chassis.db import connect
from tests.support.waiting import wait_until

HALF_OPEN = """
SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND datname IS NULL
"""


@pytest.mark.parametrize("moment", [0.0, 0.0005, 0.001, 0.002, 0.004, 0.008])
async def test_a_cancelled_connection_is_closed(
    database: Callable[..., str], moment: float
) -> None:
    """Half open, it would hold every DROP DATABASE of the server for a minute."""
    url = database()

    async def begin() -> None:
        async with await connect(url):
            await asyncio.sleep(60)

    for _ in range(10):
        task = asyncio.create_task(begin())
        await asyncio.sleep(moment)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    with psycopg.connect(url, autocommit=True) as observer:
        wait_until(lambda: observer.execute(HALF_OPEN).fetchone() == (0,), 10)
