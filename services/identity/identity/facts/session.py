"""Sessions that ended are published to every process, so that their tokens are refused at once.

PostgreSQL is the truth. It tells of an ending when it is committed, and is asked twice a second anyway.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

import psycopg
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from chassis import ended
from chassis.web import Runtime
from identity.store import session as store

log = logging.getLogger("huichi.identity.session")

LOOK_SECONDS = 0.5


async def publish_ended(runtime: Runtime) -> None:
    """Until cancelled: keep the published list that of the sessions that ended."""
    woken = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(_hear(runtime.settings.database_url, woken))
        while True:
            woken.clear()
            try:
                await ended.publish(runtime.redis, await runtime.db.read(store.just_ended))
            except (RedisError, SQLAlchemyError, OSError) as problem:
                log.warning("ended sessions are not published now: %s", type(problem).__name__)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(woken.wait(), timeout=LOOK_SECONDS)


async def _hear(url: str, woken: asyncio.Event) -> None:
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(
                url, autocommit=True, application_name="identity-sessions"
            ) as connection:
                await connection.execute(f"LISTEN {store.CHANNEL}")
                woken.set()  # what was committed before we listened
                async for _ in connection.notifies():
                    woken.set()
        except (psycopg.Error, OSError):
            await asyncio.sleep(LOOK_SECONDS)  # the half-second look goes on meanwhile
