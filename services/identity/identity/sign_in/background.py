"""Publish the sessions that ended to every process, so that their tokens are refused at once.

PostgreSQL is the source of truth. It notifies when a session ends, and is polled every five seconds
anyway; that Valkey still holds the list is looked at twice a second.
"""

from __future__ import annotations

import asyncio
import logging

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from chassis.authentication import revoked_sessions
from chassis.background import DatabaseNotices, keeps_running
from chassis.web import Runtime
from identity.sign_in.store import session as store

log = logging.getLogger("huichi.identity.session")

POLL_SECONDS = 0.5
DATABASE_POLL_SECONDS = 5.0


async def publish_revoked_sessions(runtime: Runtime) -> None:
    """Keep the published list of revoked sessions and keys up to date, until cancelled."""
    notices = DatabaseNotices(runtime.settings.database_url, store.CHANNEL, "identity-sessions")
    async with asyncio.TaskGroup() as group:
        group.create_task(notices.listen())
        while keeps_running():
            try:
                if notices.is_due(DATABASE_POLL_SECONDS):
                    sessions = await runtime.db.read(store.recently_ended)
                    keys = await runtime.db.read(store.recently_withdrawn_keys)
                await revoked_sessions.publish(runtime.redis, sessions, keys)
            except (RedisError, SQLAlchemyError, OSError) as problem:
                log.warning(
                    "revoked sessions are not published at the moment: %s", type(problem).__name__
                )
                notices.again()
            await notices.wait(POLL_SECONDS)
