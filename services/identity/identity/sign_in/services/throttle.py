"""How often somebody may try a password: counted before it is checked, so that trying many at once
gains nothing. Counted in Valkey for all processes; without it nobody signs in."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import RedisError

from chassis.errors import Throttled, Unavailable

ANSWER_SECONDS = 3
_COUNT = """
local tries = redis.call('INCR', KEYS[1])
if tries == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {tries, redis.call('PTTL', KEYS[1])}
"""


@dataclass(frozen=True, slots=True)
class Throttle:
    """So many tries in a window of time for one user name from one address."""

    redis: Redis
    attempts: int
    window_seconds: int

    async def count(self, username: str, address: str) -> None:
        """Count a try. Raises `Throttled` when there were too many."""
        key = _key(username, address)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                tries, left = await self.redis.eval(_COUNT, 1, key, self.window_seconds * 1000)
        except (RedisError, OSError) as problem:
            raise Unavailable(
                "Sign-ins cannot be counted now, so none is accepted; try again soon.",
                "暂时无法登录，请稍后再试。",
            ) from problem
        if int(tries) > self.attempts:
            wait = max(1, -(-int(left) // 1000))
            raise Throttled(
                f"Too many failed attempts to sign in; try again in {wait} seconds.",
                f"登录失败次数过多，请 {wait} 秒后再试。",
                retry_after=wait,
            )

    async def forget(self, username: str, address: str) -> None:
        """A right password clears the count."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self.redis.delete(_key(username, address))
        except (RedisError, OSError):
            return  # the count then ends with its window


def _key(username: str, address: str) -> str:
    name = hashlib.sha256(username.encode()).hexdigest()[:24]
    return f"identity:tries:{name}:{address}"
