"""Publish the committed policy to every process, at once by notification and reliably by polling.

PostgreSQL is the source of truth. Its version is compared with the published one at every notice,
when the connection that listens comes or ends, whenever Valkey holds another version than the one
that was published last (looked at twice a second), and every five seconds without any of these. So
a lost notification, an emptied Valkey and a restored database are all repaired in the same way.
"""

from __future__ import annotations

import asyncio
import logging

from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from chassis.background import DatabaseNotices, keeps_running
from chassis.db import Database
from chassis.policy import feed
from chassis.web import Runtime
from identity.core.store import policy as store

log = logging.getLogger("huichi.identity.policy")

POLL_SECONDS = 0.5
DATABASE_POLL_SECONDS = 5.0


async def publish_policy(runtime: Runtime) -> None:
    """Keep the published policy equal to the committed one, until cancelled."""
    notices = DatabaseNotices(runtime.settings.database_url, store.CHANNEL, "identity-policy")
    published: int | None = None
    async with asyncio.TaskGroup() as group:
        group.create_task(notices.listen())
        while keeps_running():
            try:
                due = notices.is_due(DATABASE_POLL_SECONDS)
                present = await feed.published_version(runtime.redis)
                if due or present is None or present != published:
                    await publish_present(runtime.db, runtime.redis)
                    published = await feed.published_version(runtime.redis)
            except (RedisError, SQLAlchemyError, OSError, ValueError) as problem:
                log.warning("the policy cannot be published now: %s", type(problem).__name__)
                notices.again()
            await notices.wait(POLL_SECONDS)


async def publish_present(db: Database, redis: Redis) -> bool:
    """Publish the committed policy if another version or none is published; return whether it was.

    The published version is read before the database. Only committed versions are ever published,
    so a database that answers later with a lower one has really been restored to an earlier state.
    """
    published = await feed.published_version(redis)
    committed = await db.read(store.version)
    if published == committed:
        return False
    restored = published is not None and committed < published
    version, snapshot = await db.read(store.snapshot_text)
    is_new = await feed.publish_text(redis, version, snapshot, force=restored)
    if is_new:
        log.info("policy version %s is published", version)
    return is_new
