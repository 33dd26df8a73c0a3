"""The committed policy reaches every process within a second, whatever became of Valkey."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import pytest
from redis.asyncio import Redis

from chassis.db import Database, SyncDatabase
from chassis.policy import feed
from chassis.policy.guard import Guard
from chassis.policy.rules import Snapshot
from identity.bootstrap.services import bootstrap_company
from identity.core.commands import policy_version
from identity.core.store import policy as store
from identity.policy.background import publish_policy, publish_present
from tests.identity.conftest import COMPANY, settings_for
from tests.support.servers import Databases
from tests.support.waiting import PATIENCE, stretched


@dataclass
class Running:
    """The publisher, and a process of another service that follows."""

    db: Database
    redis: Redis
    guard: Guard

    async def change(self) -> int:
        return await self.db.write(policy_version.count_up, "rule")

    async def followed(self, version: int) -> float:
        """Seconds until the follower is at this version."""
        started = time.monotonic()
        while self.guard.version != version:
            assert time.monotonic() - started < PATIENCE, "the policy never arrived"
            await asyncio.sleep(0.002)
        return time.monotonic() - started


@asynccontextmanager
async def running(url: str, redis_url: str) -> AsyncIterator[Running]:
    settings = settings_for(url, redis_url)
    db = Database(url, application="identity-tests")
    redis = Redis.from_url(redis_url)
    house = Running(db, redis, Guard())

    @dataclass
    class Runtime:
        settings: object
        db: Database
        redis: Redis

    jobs = [
        asyncio.create_task(publish_policy(Runtime(settings, db, redis))),  # type: ignore[arg-type]  # what it needs of one
        asyncio.create_task(feed.follow(redis, house.guard)),
    ]
    try:
        yield house
    finally:
        for job in jobs:
            job.cancel()
            with suppress(asyncio.CancelledError):
                await job
        await redis.aclose()
        await db.close()


@pytest.fixture
def founded(databases: Databases) -> str:
    url = databases.fresh("identity")
    db = SyncDatabase(url, application="identity-tests")
    bootstrap_company(db, COMPANY)
    db.close()
    return url


@pytest.fixture
def emptied(own_redis: str) -> str:
    import redis

    with redis.Redis.from_url(own_redis) as client:
        client.flushdb()
    return own_redis


async def test_a_change_is_followed_within_a_second(founded: str, emptied: str) -> None:
    async with running(founded, emptied) as house:
        await house.followed(await house.db.read(store.version))

        waits = [await house.followed(await house.change()) for _ in range(20)]

    print(f"slowest of 20 changes: {max(waits) * 1000:.0f} ms")
    assert max(waits) < stretched(1)


async def test_an_emptied_valkey_is_filled_again_within_a_second(
    founded: str, emptied: str
) -> None:
    async with running(founded, emptied) as house:
        version = await house.db.read(store.version)
        await house.followed(version)

        await house.redis.flushdb()
        started = time.monotonic()
        while await feed.published_version(house.redis) is None:
            assert time.monotonic() - started < PATIENCE
            await asyncio.sleep(0.01)

        assert time.monotonic() - started < stretched(1)
        assert await feed.published_version(house.redis) == version


async def test_a_database_that_was_set_back_wins(founded: str, emptied: str) -> None:
    async with running(founded, emptied) as house:
        version = await house.db.read(store.version)
        await feed.publish(house.redis, Snapshot(version + 50, ()))

        waited = await house.followed(version)

    assert waited < 1


async def test_publishes_only_what_is_new(founded: str, emptied: str) -> None:
    db, redis = Database(founded, application="identity-tests"), Redis.from_url(emptied)

    looks = [await publish_present(db, redis), await publish_present(db, redis)]
    await db.write(policy_version.count_up, "rule")
    looks.append(await publish_present(db, redis))

    assert looks == [True, False, True]
    await redis.aclose()
    await db.close()


async def test_a_change_that_is_not_committed_is_not_published(founded: str, emptied: str) -> None:
    async with running(founded, emptied) as house:
        version = await house.db.read(store.version)
        await house.followed(version)

        def fail(session: object) -> None:
            policy_version.count_up(session, "rule")  # type: ignore[arg-type]  # a session it is
            raise RuntimeError("halfway")

        with pytest.raises(RuntimeError):
            await house.db.write(fail)
        await asyncio.sleep(0.7)  # longer than a look: nothing may have happened

        assert await house.db.read(store.version) == version
        assert house.guard.version == version
