"""The sessions whose access tokens are refused although they have not expired.

Identity publishes the ids of the sessions that ended within the longest life of a token, and the
ids of the signing keys that were withdrawn with every session they signed for. Every process
follows this list as it follows the policy: a message makes it quick, a poll twice a second makes it
certain. Without Valkey the policy becomes stale and refuses everything, so this list need not.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from uuid import UUID

import orjson
from redis.asyncio import Redis

from chassis.background import follow_published

log = logging.getLogger("huichi.chassis.revoked_sessions")

CHANNEL = "sessions"
LIST = "sessions:ended"
MARK = "sessions:mark"
_KEY = "key:"


class RevokedSessions:
    """The revoked sessions and signing keys of a process; replaced as a whole."""

    def __init__(self) -> None:
        self._revoked: frozenset[UUID | str] = frozenset()
        self.mark: bytes | str | None = None

    def __contains__(self, session_or_key: object) -> bool:
        """Return whether a session id or a key id is revoked."""
        return session_or_key in self._revoked

    def swap(self, revoked: frozenset[UUID | str], mark: bytes | str) -> None:
        """Replace the list."""
        self._revoked, self.mark = revoked, mark


async def publish(redis: Redis, sessions: Iterable[UUID], keys: Iterable[str] = ()) -> bool:
    """Publish the list; return whether it differs from the published one."""
    entries = sorted(str(id) for id in sessions) + sorted(f"{_KEY}{name}" for name in keys)
    body = orjson.dumps(entries)
    mark = hashlib.sha256(body).hexdigest()[:32].encode()
    if await redis.get(MARK) == mark:
        return False
    async with redis.pipeline(transaction=True) as transaction:
        transaction.set(LIST, body)
        transaction.set(MARK, mark)
        transaction.publish(CHANNEL, mark)
        await transaction.execute()
    return True


async def follow(redis: Redis, revoked: RevokedSessions) -> None:
    """Keep the list equal to the published one, until cancelled."""
    await follow_published(
        redis,
        CHANNEL,
        lambda: catch_up(redis, revoked),
        lambda error: log.warning("ended sessions cannot be read now: %s", error),
    )


async def catch_up(redis: Redis, revoked: RevokedSessions) -> None:
    """Read the published list if it has changed.

    An emptied Valkey changes nothing: sessions that have ended stay ended.
    """
    mark = await redis.get(MARK)
    if mark is None or mark == revoked.mark:
        return
    body = await redis.get(LIST)
    if body is not None:
        revoked.swap(frozenset(_entry(text) for text in orjson.loads(body)), mark)


def _entry(text: str) -> UUID | str:
    return text.removeprefix(_KEY) if text.startswith(_KEY) else UUID(text)
