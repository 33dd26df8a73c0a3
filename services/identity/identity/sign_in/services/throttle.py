"""Limit how often a password or a code may be tried.

An attempt is counted before it is checked, so that many at once gain nothing. The count is in
Valkey for all processes; without Valkey no sign-in is accepted.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import RedisError

from chassis.errors import Throttled, Unavailable

TIMEOUT_SECONDS = 3
_COUNT = """
local tries = redis.call('INCR', KEYS[1])
if tries == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {tries, redis.call('PTTL', KEYS[1])}
"""


@dataclass(frozen=True, slots=True)
class Throttle:
    """A number of attempts in a time window for one user name from one address."""

    redis: Redis
    attempts: int
    window_seconds: int

    async def count_attempt(self, username: str, address: str) -> None:
        """Count an attempt.

        Raises `Throttled` if there were too many, `Unavailable` without Valkey.
        """
        key = _key(username, address)
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                attempts, remaining_ms = await self.redis.eval(
                    _COUNT, 1, key, self.window_seconds * 1000
                )
        except (RedisError, OSError) as problem:
            raise Unavailable(
                "Signing in is not possible at the moment, because attempts cannot be counted; "
                "try again soon.",
                "暂时无法统计登录尝试次数，因此无法登录，请稍后再试。",
            ) from problem
        if int(attempts) > self.attempts:
            retry_seconds = max(1, -(-int(remaining_ms) // 1000))
            raise Throttled(
                f"Too many failed attempts to sign in; try again in {retry_seconds} seconds.",
                f"登录失败次数过多，请 {retry_seconds} 秒后再试。",
                retry_after=retry_seconds,
            )

    async def reset(self, username: str, address: str) -> None:
        """Clear the count after a successful attempt."""
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await self.redis.delete(_key(username, address))
        except (RedisError, OSError):
            return  # the count then ends with its window


def _key(username: str, address: str) -> str:
    name_digest = hashlib.sha256(username.encode()).hexdigest()[:24]
    return f"identity:tries:{name_digest}:{address}"
