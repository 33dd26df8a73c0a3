"""Budgets of a source, kept in Valkey so that all workers together stay within them."""

from __future__ import annotations

import time
from collections.abc import Sequence

import redis
from pyrate_limiter import Limiter, Rate, RedisBucket, SingleBucketFactory

from integrations.contract import Limit, Retry

# A longer wait is not sat out in a task: the run is laid aside and comes back.
PATIENCE_SECONDS = 5.0


class SharedBudget:
    """The budgets of one installation."""

    def __init__(self, server: redis.Redis, name: str, limits: Sequence[Limit]) -> None:
        self._server = server
        self._hold = f"integrations:hold:{name}"
        self._limiter = _limiter(server, f"integrations:budget:{name}", limits)

    def spend(self) -> None:
        """Wait for a free place; raises `Retry` when that would take too long."""
        held = self._server.pttl(self._hold)
        if isinstance(held, int) and held > 0:
            if held / 1000 > PATIENCE_SECONDS:
                raise _busy(held / 1000)
            time.sleep(held / 1000)
        if self._limiter and not self._limiter.try_acquire("call", timeout=PATIENCE_SECONDS):
            raise _busy(PATIENCE_SECONDS)

    def hold(self, seconds: float) -> None:
        """Nobody calls this source before the time is over."""
        if seconds > 0:
            self._server.set(self._hold, b"1", px=int(min(seconds, 86400) * 1000))


class NoBudget:
    """For a source without limits."""

    def spend(self) -> None:
        return None

    def hold(self, seconds: float) -> None:
        return None


def _limiter(server: redis.Redis, key: str, limits: Sequence[Limit]) -> Limiter | None:
    if not limits:
        return None
    rates = [Rate(limit.rate, int(limit.per_seconds * 1000)) for limit in limits]
    rates.sort(key=lambda rate: rate.interval)
    bucket = RedisBucket.init(rates, server, key)
    assert isinstance(bucket, RedisBucket)
    # The library's own leaking thread would outlive the task; entries leave with each use.
    bucket.leak(int(time.time() * 1000))
    server.expire(key, int(max(rate.interval for rate in rates) / 1000) + 60)
    return Limiter(SingleBucketFactory(bucket, schedule_leak=False))


def _busy(seconds: float) -> Retry:
    return Retry(
        "BUDGET_SPENT",
        "The calls that the source allows in this time are used up; the run goes on later.",
        "来源允许的调用次数已用完，稍后继续。",
        after=seconds,
    )
