"""Rate limits: a leaky bucket for each client, in this process or shared in Valkey."""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

from gateway.errors import RateLimited
from gateway.protection import Rates
from gateway.serving.cache import LruCache
from gateway.serving.valkey import connect, unreachable

log = logging.getLogger("gateway")

BUCKETS = 50_000

# The time at which a bucket is empty again is all there is to store (GCRA). Valkey's clock counts.
_SCRIPT = """
local now = redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)
local each, full = tonumber(ARGV[1]), tonumber(ARGV[2])
local empty = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local after = empty + each
if after - now > full then return {math.ceil(after - now - full), 0} end
redis.call('SET', KEYS[1], string.format('%.3f', after), 'PX', math.ceil(after - now) + 1000)
return {0, math.floor((full - (after - now)) / each)}
"""


class RateLimiter:
    """Counts the requests of each client."""

    def __init__(
        self, settings: Rates, *, production: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.settings = settings
        self.closed = (
            settings.when_unreachable or ("closed" if production else "open")
        ) == "closed"
        self.cost = 1000 * settings.seconds / settings.requests
        """Milliseconds that one request adds to the client's bucket."""
        self.capacity = 1000 * settings.seconds
        """Milliseconds that a bucket holds."""
        self._clock = clock
        self._buckets: LruCache[str, float] = LruCache(BUCKETS, BUCKETS)
        self._redis = connect(settings.redis_url) if settings.redis_url else None
        self._logged_at = float("-inf")

    async def count(self, client: str) -> None:
        """Count one request of a client; raises RateLimited."""
        try:
            wait, remaining = await (
                self._count_shared(client) if self._redis else self._count_here(client)
            )
        except unreachable():
            self._log_unreachable()
            if not self.closed:
                return
            wait, remaining = 1000.0, 0
        if wait > 0:
            raise self._refusal(wait, remaining)

    async def close(self) -> None:
        """Close the connections."""
        if self._redis:
            await self._redis.aclose()

    async def _count_here(self, client: str) -> tuple[float, int]:
        now = self._clock() * 1000
        after = max(self._buckets.get(client) or now, now) + self.cost
        if after - now > self.capacity:
            return after - now - self.capacity, 0
        self._buckets.put(client, after, 1)
        return 0, int((self.capacity - (after - now)) / self.cost)

    async def _count_shared(self, client: str) -> tuple[float, int]:
        assert self._redis is not None
        answer = self._redis.eval(
            _SCRIPT, 1, f"gateway:rate:{client}", f"{self.cost:.3f}", f"{self.capacity:.3f}"
        )
        wait, remaining = await cast(Awaitable[list[Any]], answer)
        return float(wait), int(remaining)

    def _refusal(self, wait: float, remaining: int) -> RateLimited:
        seconds = max(1, -int(-wait // 1000))
        error = RateLimited(
            f"Too many requests; try again in {seconds} s.",
            f"请求过于频繁，请在 {seconds} 秒后重试。",
            retryAfter=seconds,
        )
        error.headers = (
            ("retry-after", str(seconds)),
            ("ratelimit-limit", str(self.settings.requests)),
            ("ratelimit-remaining", str(remaining)),
            ("ratelimit-reset", str(seconds)),
        )
        return error

    def _log_unreachable(self) -> None:
        if time.monotonic() - self._logged_at > 10:
            self._logged_at = time.monotonic()
            outcome = "refused" if self.closed else "let in uncounted"
            log.error("the rate limiter's store is unreachable, requests are %s", outcome)
