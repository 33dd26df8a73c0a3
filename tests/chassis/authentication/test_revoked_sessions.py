"""The list of sessions that ended, published and followed through a real Valkey."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from chassis.authentication import revoked_sessions
from chassis.authentication.revoked_sessions import RevokedSessions


@pytest.fixture
async def valkey(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(f"{redis_url.rpartition('/')[0]}/8") as client:
        await client.flushdb()
        yield client


async def test_publishes_only_what_changed(valkey: Redis) -> None:
    one, two = uuid4(), uuid4()

    assert await revoked_sessions.publish(valkey, [one, two])
    assert not await revoked_sessions.publish(valkey, [two, one])
    assert await revoked_sessions.publish(valkey, [two])


async def test_is_known_to_a_follower_soon(valkey: Redis) -> None:
    known, session = RevokedSessions(), uuid4()
    following = asyncio.create_task(revoked_sessions.follow(valkey, known))

    await revoked_sessions.publish(valkey, [session])

    for _ in range(200):
        if session in known:
            break
        await asyncio.sleep(0.01)
    assert session in known
    assert uuid4() not in known
    following.cancel()


async def test_forgets_nothing_when_the_store_is_emptied(valkey: Redis) -> None:
    known, session = RevokedSessions(), uuid4()
    await revoked_sessions.publish(valkey, [session])
    await revoked_sessions.catch_up(valkey, known)

    await valkey.flushdb()
    await revoked_sessions.catch_up(valkey, known)

    assert session in known
