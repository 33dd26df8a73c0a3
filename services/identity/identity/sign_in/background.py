"""Publish the sessions that ended to every process, so that their tokens are refused at once.

PostgreSQL is the source of truth. It notifies when a session ends, and is polled twice a second
anyway.
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

POLL_SECONDS = 0.5


async def publish_revoked_sessions(runtime: Runtime) -> None:
    """Keep the published list of revoked sessions and keys up to date, until cancelled."""
    woken = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(_listen(runtime.settings.database_url, woken))
        while keeps_running():
            woken.clear()
            try:
                sessions = await runtime.db.read(store.recently_ended)
                keys = await runtime.db.read(store.recently_withdrawn_keys)
                await revoked_sessions.publish(runtime.redis, sessions, keys)
            except (RedisError, SQLAlchemyError, OSError) as problem:
                log.warning(
                    "revoked sessions are not published at the moment: %s", type(problem).__name__
                )
            await wait_for_notice(woken, POLL_SECONDS)


async def _listen(url: str, woken: asyncio.Event) -> None:
    while keeps_running():
        try:
            async with await psycopg.AsyncConnection.connect(
                url, autocommit=True, application_name="identity-sessions"
            ) as connection:
                await connection.execute(f"LISTEN {store.CHANNEL}")
                woken.set()  # sessions may have ended before LISTEN took effect
                async for _ in connection.notifies():
                    woken.set()
        except (psycopg.Error, OSError):
            await asyncio.sleep(POLL_SECONDS)  # polling goes on meanwhile
