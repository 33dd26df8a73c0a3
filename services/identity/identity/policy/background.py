"""The committed policy is published to every process: at once by notice, for certain by looking.

PostgreSQL is the truth. Twice a second its version is compared with the published one, so a notice
that was lost, a Valkey that was emptied and a database that was set back are all mended the same way.
"""

from __future__ import annotations

import asyncio
import logging

import psycopg
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from chassis.background import keeps_running, wait_for_notice
from chassis.db import Database
from chassis.policy import feed
from chassis.web import Runtime
from identity.core.store import policy as store

log = logging.getLogger("huichi.identity.policy")

LOOK_SECONDS = 0.5


async def publish_policy(runtime: Runtime) -> None:
    """Until cancelled: keep the published policy the one that is committed."""
    woken = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(_hear(runtime.settings.database_url, woken))
        while keeps_running():
            woken.clear()
            try:
                await publish_present(runtime.db, runtime.redis)
            except (RedisError, SQLAlchemyError, OSError, ValueError) as problem:
                log.warning("the policy cannot be published now: %s", type(problem).__name__)
            await wait_for_notice(woken, LOOK_SECONDS)


async def publish_present(db: Database, redis: Redis) -> bool:
    """One look: publish the committed policy if another version (or none) is published.

    What is published is asked before the database is. Only committed versions are ever published,
    so a database that answers later with a lower one was really set back.
    """
    published = await feed.published_version(redis)
    committed = await db.read(store.version)
    if published == committed:
        return False
    set_back = published is not None and committed < published
    version, snapshot = await db.read(store.snapshot_text)
    done = await feed.publish_text(redis, version, snapshot, force=set_back)
    if done:
        log.info("policy version %s is published", version)
    return done


async def _hear(url: str, woken: asyncio.Event) -> None:
    while keeps_running():
        try:
            async with await psycopg.AsyncConnection.connect(
                url, autocommit=True, application_name="identity-policy"
            ) as connection:
                await connection.execute(f"LISTEN {store.CHANNEL}")
                woken.set()  # what was committed before we listened
                async for _ in connection.notifies():
                    woken.set()
        except (psycopg.Error, OSError):
            await asyncio.sleep(LOOK_SECONDS)  # the half-second look goes on meanwhile
