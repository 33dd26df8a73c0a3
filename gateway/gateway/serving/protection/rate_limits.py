"""How much one client may ask: a leaky bucket each, in Valkey for all gateways together or in this process."""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, cast

from gateway.errors import BadSettings, RateLimited
from gateway.protection import Rates
from gateway.serving.cache import Recent

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = logging.getLogger("gateway")

BUCKETS = 50_000
ANSWER_SECONDS = 0.25
"""A limiter that takes longer than the request itself is out of reach."""

# The time until a bucket is empty again is all there is to keep (GCRA). The server's clock counts.
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


class Limiter:
    """Counts requests; raises RateLimited."""

    def __init__(
        self, settings: Rates, *, production: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.settings = settings
        self.closed = (
            settings.when_unreachable or ("closed" if production else "open")
        ) == "closed"
        self.each = 1000 * settings.seconds / settings.requests
        self.full = 1000 * settings.seconds
        self._clock = clock
        self._buckets: Recent[str, float] = Recent(BUCKETS, BUCKETS)
        self._redis = connect(settings.redis_url) if settings.redis_url else None
        self._complained_at = float("-inf")

    async def count(self, client: str) -> None:
        """Let the client's request in or not."""
        try:
            wait, left = await (self._ask(client) if self._redis else self._here(client))
        except unreachable():
            self._complain()
            if not self.closed:
                return
            wait, left = 1000.0, 0
        if wait > 0:
            raise self._refusal(wait, left)

    async def close(self) -> None:
        """Give the connections back."""
        if self._redis:
            await self._redis.aclose()

    async def _here(self, client: str) -> tuple[float, int]:
        now = self._clock() * 1000
        after = max(self._buckets.get(client) or now, now) + self.each
        if after - now > self.full:
            return after - now - self.full, 0
        self._buckets.put(client, after, 1)
        return 0, int((self.full - (after - now)) / self.each)

    async def _ask(self, client: str) -> tuple[float, int]:
        assert self._redis is not None
        answer = self._redis.eval(
            _SCRIPT, 1, f"gateway:rate:{client}", f"{self.each:.3f}", f"{self.full:.3f}"
        )
        wait, left = await cast(Awaitable[list[Any]], answer)
        return float(wait), int(left)

    def _refusal(self, wait: float, left: int) -> RateLimited:
        seconds = max(1, -int(-wait // 1000))
        error = RateLimited(
            f"Too many requests; try again in {seconds} s.",
            f"请求过于频繁，请在 {seconds} 秒后重试。",
            retryAfter=seconds,
        )
        error.headers = (
            ("retry-after", str(seconds)),
            ("ratelimit-limit", str(self.settings.requests)),
            ("ratelimit-remaining", str(left)),
            ("ratelimit-reset", str(seconds)),
        )
        return error

    def _complain(self) -> None:
        if time.monotonic() - self._complained_at > 10:
            self._complained_at = time.monotonic()
            how = "refused" if self.closed else "let in uncounted"
            log.error("the rate limiter's store is out of reach, requests are %s", how)


def connect(url: str) -> "Redis":
    """A client that gives up quickly; raises BadSettings where the package is missing."""
    try:
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff
    except ImportError as error:
        raise BadSettings(
            "A redis_url needs the package redis: pip install redis.",
            "使用 redis_url 需要安装 redis 包：pip install redis。",
        ) from error
    client: Redis = Redis.from_url(
        url,
        socket_timeout=ANSWER_SECONDS,
        socket_connect_timeout=ANSWER_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    return client


def unreachable() -> tuple[type[Exception], ...]:
    """What a store raises that is out of reach; asked when something was raised, so nothing is imported before."""
    try:
        from redis.exceptions import RedisError
    except ImportError:
        return (OSError,)
    return (RedisError, OSError, TimeoutError)
