"""Sessions that ended are published to every process, so that their tokens are refused at once.

PostgreSQL is the truth. It tells of an ending when it is committed, and is asked twice a second anyway.
"""

from __future__ import annotations

import asyncio
import logging

import psycopg
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from chassis.authentication import revoked_sessions
from chassis.background import keeps_running, wait_for_notice
from chassis.web import Runtime
from identity.sign_in.store import session as store

log = logging.getLogger("huichi.identity.session")

LOOK_SECONDS = 0.5


async def publish_ended(runtime: Runtime) -> None:
    """Until cancelled: keep the published list that of the sessions that ended."""
    woken = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(_hear(runtime.settings.database_url, woken))
        while keeps_running():
            woken.clear()
            try:
                sessions = await runtime.db.read(store.recently_ended)
                keys = await runtime.db.read(store.recently_withdrawn_keys)
                await revoked_sessions.publish(runtime.redis, sessions, keys)
            except (RedisError, SQLAlchemyError, OSError) as problem:
                log.warning("ended sessions are not published now: %s", type(problem).__name__)
            await wait_for_notice(woken, LOOK_SECONDS)


async def _hear(url: str, woken: asyncio.Event) -> None:
    while keeps_running():
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
