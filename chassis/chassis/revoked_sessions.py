"""How a session that ended is known everywhere within a second, while its access token is still good.

Identity publishes the ids of the sessions that ended within the longest life of a token, and the names
of the keys that were withdrawn with every session they signed for; every process follows them as it follows the policy: a push makes it quick, a look twice a second makes it certain.
Without Valkey the policy grows stale and refuses everything, so this list need not refuse too.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Iterable
from uuid import UUID

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from chassis.background import keeps_running, wait_for_notice

log = logging.getLogger("huichi.chassis.revoked_sessions")

CHANNEL = "sessions"
LIST = "sessions:ended"
MARK = "sessions:mark"
POLL_SECONDS = 0.5
_KEY = "key:"


class RevokedSessions:
    """One a process: the sessions and the names of keys whose tokens are refused. Swapped whole."""

    def __init__(self) -> None:
        self._refused: frozenset[UUID | str] = frozenset()
        self.mark: bytes | str | None = None

    def __contains__(self, session_or_key: object) -> bool:
        return session_or_key in self._refused

    def swap(self, refused: frozenset[UUID | str], mark: bytes | str) -> None:
        """Take a new list."""
        self._refused, self.mark = refused, mark


async def publish(redis: Redis, sessions: Iterable[UUID], keys: Iterable[str] = ()) -> bool:
    """Make this the present list; False if it is already."""
    listed = sorted(str(id) for id in sessions) + sorted(f"{_KEY}{name}" for name in keys)
    body = orjson.dumps(listed)
    mark = hashlib.sha256(body).hexdigest()[:32].encode()
    if await redis.get(MARK) == mark:
        return False
    async with redis.pipeline(transaction=True) as together:
        together.set(LIST, body)
        together.set(MARK, mark)
        together.publish(CHANNEL, mark)
        await together.execute()
    return True


async def follow(redis: Redis, revoked: RevokedSessions) -> None:
    """Until cancelled: keep the list the published one."""
    woken = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(_hear(redis, woken))
        while keeps_running():
            woken.clear()
            try:
                await catch_up(redis, revoked)
            except (RedisError, OSError, ValueError, TypeError) as problem:
                log.warning("ended sessions cannot be read now: %s", type(problem).__name__)
            await wait_for_notice(woken, POLL_SECONDS)


async def catch_up(redis: Redis, revoked: RevokedSessions) -> None:
    """One look. A store that was emptied changes nothing: what has ended stays ended."""
    mark = await redis.get(MARK)
    if mark is None or mark == revoked.mark:
        return
    body = await redis.get(LIST)
    if body is not None:
        revoked.swap(frozenset(_one(text) for text in orjson.loads(body)), mark)


def _one(text: str) -> UUID | str:
    return text.removeprefix(_KEY) if text.startswith(_KEY) else UUID(text)


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
