"""Budgets hold for all workers together."""

from __future__ import annotations

import threading
import time

import pytest
import redis

from integrations.contract import Limit, Retry
from integrations.rest.limits import SharedBudget


@pytest.fixture
def server(empty_redis: str) -> redis.Redis:
    return redis.Redis.from_url(empty_redis)


def test_workers_together_stay_within_the_budget(server: redis.Redis, empty_redis: str) -> None:
    times: list[float] = []
    started = time.monotonic()
    until = started + 2.5

    def work() -> None:
        budget = SharedBudget(redis.Redis.from_url(empty_redis), "one", [Limit(10, 1.0)])
        while time.monotonic() < until:
            budget.spend()
            times.append(time.monotonic())

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    # A busy machine may note a permission late, never early: the whole time is what counts.
    assert len(times) <= 10 * (max(times) - started + 1)
    assert len(times) >= 15


def test_a_long_hold_sends_everybody_home(server: redis.Redis) -> None:
    SharedBudget(server, "two", []).hold(60)

    with pytest.raises(Retry) as busy:
        SharedBudget(server, "two", [Limit(10, 1.0)]).spend()

    assert 50 < (busy.value.after or 0) <= 60


def test_sources_do_not_share_a_budget(server: redis.Redis) -> None:
    SharedBudget(server, "three", []).hold(60)

    SharedBudget(server, "four", []).spend()
