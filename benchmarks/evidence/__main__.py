"""What the evidence costs: `python -m benchmarks.evidence`.

A page of fifty rows with their numbers in clear is read over HTTP from the customers service, by one
client and by sixteen at once, with the audit event stored before the answer and, for comparison, with
the storing left out. PostgreSQL is the durable one of `make up` (fsync on).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import psycopg
import redis
import requests

from chassis import migrate, witness
from chassis.audit import Event
from chassis.policy import feed
from customers.app import create
from customers.settings import CustomersSettings
from onebox.postgres import Postgres, new_password, stop as stop_postgres
from tests.customers.making import STEWARD, a_policy
from tests.customers.serving import KEY, a_token
from tests.support.serve import served
from tests.support.servers import free_port, valkey_server

ROWS, PAGE = 2_000, 50
PAGE_OF_NUMBERS = (
    "{ customers(first: 50) { edges { node { id name phone { text visibility } } } } }"
)
NAME_ONLY = "{ customers(first: 50) { edges { node { id name } } } }"


def main() -> None:
    """Measure, print one line a figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=400)
    asked = parser.parse_args()
    with durable_postgres() as server, valkey_server() as store:
        url = prepared(server, store)
        settings = CustomersSettings(
            database_url=url, redis_url=store, issuer_url="http://127.0.0.1:1"
        )
        keys = {"keys": [KEY.as_dict(private=False)]}
        with patch("chassis.web._fetch_keys", lambda _: keys), served(create(settings)) as base:
            ready(base)
            reads(base, asked.requests)


def reads(base: str, count: int) -> None:
    """The same page with and without its event, in turns so that both meet the same machine."""

    async def skipped(self: witness.Witness, events: Sequence[Event]) -> None:
        return None

    for clients in (1, 16):
        times: dict[str, list[float]] = {"audited": [], "not audited": []}
        rates: dict[str, list[float]] = {"audited": [], "not audited": []}
        for _ in range(4):
            for name, sample in times.items():
                with patch.object(witness.Witness, "tell", skipped if "not" in name else TELL):
                    begun = time.perf_counter()
                    sample += ask(base, PAGE_OF_NUMBERS, count // 4, clients)
                    rates[name].append(count // 4 / (time.perf_counter() - begun))
        for name, sample in times.items():
            show(f"page of {PAGE}, {clients} at once, {name}: median", statistics.median(sample))
            show(f"page of {PAGE}, {clients} at once, {name}: p95", p95(sample))
            rate = statistics.median(rates[name])
            show(f"page of {PAGE}, {clients} at once, {name}: rate", rate, "/s")


TELL = witness.Witness.tell


def ask(base: str, query: str, count: int, clients: int) -> list[float]:
    def some(share: int) -> list[float]:
        http, found = requests.Session(), []
        headers = {"authorization": f"Bearer {a_token(STEWARD)}", "x-purpose": "benchmark"}
        for _ in range(share):
            begun = time.perf_counter()
            answer = http.post(
                f"{base}/graphql", json={"query": query}, headers=headers, timeout=60
            )
            found.append((time.perf_counter() - begun) * 1000)
            assert "errors" not in answer.json(), answer.text[:300]
        return found

    with ThreadPoolExecutor(clients) as pool:
        return [one for part in pool.map(some, [count // clients] * clients) for one in part]


@contextmanager
def durable_postgres() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="huichi-bench-") as folder:
        server = Postgres(Path(folder) / "data", free_port(), new_password(), durable=True)
        with (Path(folder) / "log").open("wb") as log:
            process = server.start(log)
        try:
            server.wait(process)
            yield server.url()
        finally:
            stop_postgres(process)


def prepared(server: str, store: str) -> str:
    """A pool of customers with numbers, and the policy published."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE customers TEMPLATE template0")
    url = f"{server.partition('?')[0].rpartition('/')[0]}/customers"
    url += f"?{server.partition('?')[2]}" if "?" in server else ""
    migrate.upgrade(url, "customers")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO customer (id, kind, name, name_key, name_grams, phone, lifecycle, collaborators) "
            "SELECT uuidv7(), 'ORGANIZATION', 'Company ' || n, 'company ' || n, '{}', "
            "'+86138' || lpad(n::text, 8, '0'), 'LEAD', '{}' FROM generate_series(1, %s) n",
            [ROWS],
        )
    policy = a_policy()
    with redis.Redis.from_url(store) as client:
        client.set(feed.SNAPSHOT, policy.to_json())
        client.set(feed.VERSION, policy.version)
    return url


def ready(base: str) -> None:
    until = time.monotonic() + 20
    while requests.get(f"{base}/readyz", timeout=5).status_code != 200:
        assert time.monotonic() < until, "the service did not become ready"
        time.sleep(0.05)


def p95(sample: list[float]) -> float:
    return sorted(sample)[int(len(sample) * 0.95)]


def show(what: str, value: float, unit: str = "ms") -> None:
    print(f"{what:<58} {value:>10.1f} {unit}", flush=True)


if __name__ == "__main__":
    main()
