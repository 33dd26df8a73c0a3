"""Rate limits of a source, stored in Valkey so that all workers together stay within them."""

from __future__ import annotations

import time
from collections.abc import Sequence

import redis
from pyrate_limiter import Limiter, Rate, RedisBucket, SingleBucketFactory

from integrations.contract import Limit, Retry

# For a longer wait a task is not blocked: the run is suspended and continues later.
MAX_WAIT_SECONDS = 5.0


class SharedBudget:
    """The rate limits of one installation."""

    def __init__(self, server: redis.Redis, name: str, limits: Sequence[Limit]) -> None:
        self._server = server
        self._hold = f"integrations:hold:{name}"
        self._limiter = _limiter(server, f"integrations:budget:{name}", limits)

    def spend(self) -> None:
        """Wait until one more call is allowed. Raises `Retry` when that takes too long."""
        remaining_ms = self._server.pttl(self._hold)
        if isinstance(remaining_ms, int) and remaining_ms > 0:
            if remaining_ms / 1000 > MAX_WAIT_SECONDS:
                raise _busy(remaining_ms / 1000)
            time.sleep(remaining_ms / 1000)
        if self._limiter and not self._limiter.try_acquire("call", timeout=MAX_WAIT_SECONDS):
            raise _busy(MAX_WAIT_SECONDS)

    def hold(self, seconds: float) -> None:
        """Block all calls of this source for some seconds, at most a day."""
        if seconds > 0:
            self._server.set(self._hold, b"1", px=int(min(seconds, 86400) * 1000))


class NoBudget:
    """The budget of a source without limits."""

    def spend(self) -> None:
        """Allow the call."""

    def hold(self, seconds: float) -> None:
        """Ignore the request, since no other worker shares this budget."""


def _limiter(server: redis.Redis, key: str, limits: Sequence[Limit]) -> Limiter | None:
    if not limits:
        return None
    rates = [Rate(limit.rate, int(limit.per_seconds * 1000)) for limit in limits]
    rates.sort(key=lambda rate: rate.interval)
    bucket = RedisBucket.init(rates, server, key)
    assert isinstance(bucket, RedisBucket)
    # The library's own cleaning thread would outlive the task; entries are removed at each use.
    bucket.leak(int(time.time() * 1000))
    server.expire(key, int(max(rate.interval for rate in rates) / 1000) + 60)
    return Limiter(SingleBucketFactory(bucket, schedule_leak=False))


def _busy(seconds: float) -> Retry:
    return Retry(
        "BUDGET_SPENT",
        "The calls the source allows in this period are used up; the run continues later.",
        "来源在该时段内允许的调用次数已用完，稍后继续。",
        after=seconds,
    )
