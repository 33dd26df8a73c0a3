"""How a policy version reaches every process: published as a whole, followed by push and poll."""

from __future__ import annotations

import asyncio
import logging

from redis import Redis as SyncRedis
from redis.asyncio import Redis

from chassis.background import follow_published
from chassis.policy.guard import Guard
from chassis.policy.rules import Snapshot

log = logging.getLogger("huichi.chassis.policy")

CHANNEL = "policy"
SNAPSHOT = "policy:snapshot"
VERSION = "policy:version"
AWAITED_STEPS = 200

# Two publishers may overtake each other; the older version must not win.
_PUBLISH = """
local present = tonumber(redis.call('GET', KEYS[2]) or '-1')
if tonumber(ARGV[1]) < present and ARGV[3] ~= 'force' then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('SET', KEYS[2], ARGV[1])
redis.call('PUBLISH', KEYS[3], ARGV[1])
return 1
"""


async def publish(redis: Redis, snapshot: Snapshot, *, force: bool = False) -> bool:
    """Publish a policy; return `False` if a newer one is published already.

    `force` is for a database that was set back to an earlier version on purpose.
    """
    return await publish_text(redis, snapshot.version, snapshot.to_json(), force=force)


async def publish_text(
    redis: Redis, version: int, snapshot: bytes | str, *, force: bool = False
) -> bool:
    """Publish a snapshot that is JSON already, as it comes from the database; see `publish`."""
    published = await redis.eval(
        _PUBLISH,
        3,
        SNAPSHOT,
        VERSION,
        CHANNEL,
        str(version),
        snapshot,
        "force" if force else "",
    )
    return bool(published)


async def published_version(redis: Redis) -> int | None:
    """Return the version that is published, or `None`."""
    raw = await redis.get(VERSION)
    return int(raw) if raw is not None else None


async def follow(redis: Redis, guard: Guard) -> None:
    """Keep the guard on the published policy, until cancelled."""
    await follow_published(
        redis,
        CHANNEL,
        lambda: catch_up(redis, guard),
        lambda error: log.warning("the policy cannot be read now: %s", error),
    )


async def wait_for_version(guard: Guard, version: int) -> None:
    """Wait at most a second for a version that another process has already.

    It returns without an error if the version did not come; the guard decides then.
    """
    steps = AWAITED_STEPS
    while steps and not guard.has(version) and (guard.version or 0) < version:
        await asyncio.sleep(0.005)  # a guard is swapped from threads too: no event
        steps -= 1


async def catch_up(redis: Redis, guard: Guard) -> None:
    """Swap the guard's policy if another version is published, else confirm it."""
    version = await published_version(redis)
    if version is None:
        return  # Valkey is empty: identity publishes again within half a second
    if version == guard.version:
        guard.confirm()
        return
    raw = await redis.get(SNAPSHOT)
    if raw:
        # In a thread: parsing 5,000 users takes longer than requests should wait.
        guard.swap(await asyncio.to_thread(Snapshot.from_json, _bytes(raw)))
        log.info("policy version %s is in force", guard.version)


def catch_up_now(redis: SyncRedis, guard: Guard) -> None:
    """Do what `catch_up` does in a worker's thread, before a job asks the guard."""
    raw = redis.get(VERSION)
    if raw is None:
        return
    if int(raw) == guard.version:
        guard.confirm()
        return
    body = redis.get(SNAPSHOT)
    if body:
        guard.swap(Snapshot.from_json(_bytes(body)))


def _bytes(value: bytes | str) -> bytes:
    return value.encode() if isinstance(value, str) else value
