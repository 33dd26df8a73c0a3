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
    until = time.monotonic() + 2.5

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

    times.sort()
    most = max(sum(1 for other in times if one <= other < one + 0.95) for one in times)
    assert most <= 11
    assert len(times) >= 20


def test_a_long_hold_sends_everybody_home(server: redis.Redis) -> None:
    SharedBudget(server, "two", []).hold(60)

    with pytest.raises(Retry) as busy:
        SharedBudget(server, "two", [Limit(10, 1.0)]).spend()

    assert 50 < (busy.value.after or 0) <= 60


def test_sources_do_not_share_a_budget(server: redis.Redis) -> None:
    SharedBudget(server, "three", []).hold(60)

    SharedBudget(server, "four", []).spend()
