"""How a policy version reaches every process: published whole, followed by push and by poll.

The push makes it quick, the poll of the version (twice a second) makes it certain.
"""

from __future__ import annotations

import asyncio
import logging

from redis import Redis as SyncRedis
from redis.asyncio import Redis
from redis.exceptions import RedisError

from chassis.background import keeps_running, wait_for_notice
from chassis.policy.guard import Guard
from chassis.policy.rules import Snapshot

log = logging.getLogger("huichi.chassis.policy")

CHANNEL = "policy"
SNAPSHOT = "policy:snapshot"
VERSION = "policy:version"
POLL_SECONDS = 0.5
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
    """Makes this the present policy; refused (False) if a newer one is published already.

    `force` is for a database that was set back to an earlier version on purpose.
    """
    return await publish_text(redis, snapshot.version, snapshot.to_json(), force=force)


async def publish_text(
    redis: Redis, version: int, snapshot: bytes | str, *, force: bool = False
) -> bool:
    """The same for a snapshot that is JSON already, as it comes from the database."""
    done = await redis.eval(
        _PUBLISH,
        3,
        SNAPSHOT,
        VERSION,
        CHANNEL,
        str(version),
        snapshot,
        "force" if force else "",
    )
    return bool(done)


async def published_version(redis: Redis) -> int | None:
    raw = await redis.get(VERSION)
    return int(raw) if raw is not None else None


async def follow(redis: Redis, guard: Guard) -> None:
    """Until cancelled: keeps the guard on the published policy."""
    woken = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(_hear(redis, woken))
        while keeps_running():
            woken.clear()
            try:
                await catch_up(redis, guard)
            except (RedisError, OSError, ValueError, TypeError) as problem:
                log.warning("the policy cannot be read now: %s", type(problem).__name__)
            await wait_for_notice(woken, POLL_SECONDS)


async def reached(guard: Guard, version: int) -> None:
    """Wait a moment for a version that another process knows already. Whether it came is for the
    guard to say."""
    left = AWAITED_STEPS
    while left and not guard.has(version) and (guard.version or 0) < version:
        await asyncio.sleep(0.005)  # a guard is asked from threads too: no event
        left -= 1


async def catch_up(redis: Redis, guard: Guard) -> None:
    """One look: swaps the guard's policy if another version is published."""
    version = await published_version(redis)
    if version is None:
        return  # the store is empty: identity publishes again within half a second
    if version == guard.version:
        guard.confirm()
        return
    raw = await redis.get(SNAPSHOT)
    if raw:
        # In a thread: reading 5,000 people takes longer than requests should wait.
        guard.swap(await asyncio.to_thread(Snapshot.from_json, _bytes(raw)))
        log.info("policy version %s is in force", guard.version)


def catch_up_now(redis: SyncRedis, guard: Guard) -> None:
    """The same look for a worker's thread, before a job asks the guard."""
    raw = redis.get(VERSION)
    if raw is None:
        return
    if int(raw) == guard.version:
        guard.confirm()
        return
    body = redis.get(SNAPSHOT)
    if body:
        guard.swap(Snapshot.from_json(_bytes(body)))


async def _hear(redis: Redis, woken: asyncio.Event) -> None:
    while keeps_running():
        try:
            async with redis.pubsub() as channel:
                await channel.subscribe(CHANNEL)
                while keeps_running():
                    if await channel.get_message(ignore_subscribe_messages=True, timeout=1.0):
                        woken.set()
        except (RedisError, OSError):
            await asyncio.sleep(0.5)


def _bytes(value: bytes | str) -> bytes:
    return value.encode() if isinstance(value, str) else value
