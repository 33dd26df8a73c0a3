"""Measures the three walks of docs/architecture.md: `python -m benchmarks walks`.

Starts the whole system, as the end-to-end tests do, and measures a query over all four services, a
sync run of ten thousand customers, and the time from a policy edit to the last service that applies
it.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tests.e2e import (
    test_walk_1_query as walk_1,
    test_walk_2_sync as walk_2,
    test_walk_3_policy as walk_3,
)
from tests.e2e.conftest import Running, block_of_ports, start, stop, wait_for
from tests.support.serve import served


def main() -> None:
    """Print one line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--changes", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="huichi-bench-") as folder:
        house = start(Path(folder) / "var", block_of_ports())
        try:
            query(house, options.queries)
            policy(house, options.changes)
            sync(house)
        finally:
            stop(house)


def query(house: Running, count: int) -> None:
    """Measure walk 1, one query after the other, from the client's first byte to its last."""
    id = walk_1.a_customer(house, "性能测试有限公司")
    wait_for(lambda: walk_1.logged(house, id))
    times = []
    for _ in range(count):
        started = time.perf_counter()
        house.data(walk_1.WALK, {"id": id}, who=walk_1.WHO)
        times.append((time.perf_counter() - started) * 1000)
    times = sorted(times[count // 10 :])
    show("walk 1: one query over four services, median", statistics.median(times), "ms")
    show("walk 1: the same, p95", times[int(len(times) * 0.95)], "ms")


def policy(house: Running, count: int) -> None:
    """Measure walk 3, from the mutation's answer to the last service that applies the new rule."""
    username = "chen.jing"
    me = house.data("{ viewer { id } }", who=username)["viewer"]["id"]
    objects = set(walk_3.OBJECTS.values())
    granted = [walk_3.add(house, subject=f"user:{me}", object=o, action="read") for o in objects]
    for service in walk_3.QUESTIONS:
        walk_3.second_until(house, service, username, False, time.monotonic())
    slowest = []
    with ThreadPoolExecutor(len(walk_3.QUESTIONS)) as watchers:
        for _ in range(count):
            denied = [
                walk_3.add(house, subject=f"user:{me}", object=o, action="read", effect="deny")
                for o in objects
            ]
            answered = time.monotonic()
            waits = [
                watchers.submit(walk_3.second_until, house, service, username, True, answered)
                for service in walk_3.QUESTIONS
            ]
            slowest.append(max(wait.result() for wait in waits) * 1000)
            for id in denied:
                walk_3.remove(house, id)
            for service in walk_3.QUESTIONS:
                walk_3.second_until(house, service, username, False, time.monotonic())
    for id in granted:
        walk_3.remove(house, id)
    show("walk 3: edited rule to last service, median", statistics.median(slowest), "ms")
    show(f"walk 3: the same, worst of {count}", max(slowest), "ms")


def sync(house: Running) -> None:
    """Measure walk 2 alone: ten thousand new customers, then ten thousand unchanged ones."""
    source = walk_2.Erp()
    with served(source.app) as url:
        installed = house.data(
            walk_2.INSTALL,
            {
                "input": {
                    "connectorId": "rest",
                    "name": "Benchmark",
                    "configuration": {"spec": walk_2.SPEC | {"base_url": url}},
                    "credentials": {"token": "a-token"},
                }
            },
            who=walk_2.ENGINEER,
        )["installConnector"]["installation"]["id"]
        previous = None
        for kind in ("new", "unchanged"):
            started = time.monotonic()
            house.data(walk_2.START, {"id": installed}, who=walk_2.ENGINEER)
            run = wait_for(partial(walk_2.run_ended, house, installed, previous), 600, 0.1)
            seconds = time.monotonic() - started
            assert run["status"] == "SUCCEEDED", run
            previous = run["id"]
            show(f"walk 2: {walk_2.COUNT} {kind} customers", seconds, "s")
            show("walk 2: customers a second", walk_2.COUNT / seconds, "/s")


def show(name: str, value: float, unit: str) -> None:
    """Print one figure."""
    print(f"{name:<52}{value:8.1f} {unit}", flush=True)


if __name__ == "__main__":
    main()
