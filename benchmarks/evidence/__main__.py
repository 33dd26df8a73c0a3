"""Measures audit events and the ledger: `python -m benchmarks.evidence`.

A page of fifty rows with telephone numbers in clear is read over HTTP from the customers service,
by one client and by sixteen at once, with the audit event stored before the answer and, for
comparison, without storing it. PostgreSQL is durable as in `make up` (fsync on).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch
from uuid import uuid4

import psycopg
import redis
import requests
from joserfc.jwk import KeySet, OKPKey

from chassis import migrate
from chassis.audit import writer as audit_writer
from chassis.audit.events import Event
from chassis.db import SyncDatabase
from chassis.policy import feed
from customers.app import create
from customers.settings import CustomersSettings
from identity.core.domain.ids import AuditEventId, UserId
from identity.ledger.api import ledger_files
from identity.ledger.commands.audit_event import append_events
from identity.ledger.commands.ledger import seal_next_batch
from identity.ledger.domain.audit_event import AuditEvent, Filter
from identity.ledger.domain.verification import verify
from identity.ledger.store import ledger as store
from identity.sign_in.domain.token import new_key
from onebox.servers.postgres import Postgres, new_password, stop as stop_postgres
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
    """Print one line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=400)
    parser.add_argument("--events", type=int, default=20_000)
    options = parser.parse_args()
    with durable_postgres() as server, valkey_server() as store:
        url = prepare_database(server, store)
        settings = CustomersSettings(
            database_url=url, redis_url=store, issuer_url="http://127.0.0.1:1"
        )
        measure_sealing(server, options.events)
        keys = {"keys": [KEY.as_dict(private=False)]}
        with patch("chassis.web._fetch_keys", lambda _: keys), served(create(settings)) as base:
            wait_until_ready(base)
            measure_reads(base, options.requests)


def measure_reads(base: str, count: int) -> None:
    """Read the same page with and without its event, in turns under the same load."""

    async def skip(self: audit_writer.AuditWriter, events: Sequence[Event]) -> None:
        return None

    for clients in (1, 16):
        times: dict[str, list[float]] = {"audited": [], "not audited": []}
        rates: dict[str, list[float]] = {"audited": [], "not audited": []}
        for _ in range(4):
            for name, sample in times.items():
                with patch.object(
                    audit_writer.AuditWriter, "write", skip if "not" in name else WRITE
                ):
                    started = time.perf_counter()
                    sample += ask(base, PAGE_OF_NUMBERS, count // 4, clients)
                    rates[name].append(count // 4 / (time.perf_counter() - started))
        for name, sample in times.items():
            show(f"page of {PAGE}, {clients} at once, {name}: median", statistics.median(sample))
            show(f"page of {PAGE}, {clients} at once, {name}: p95", p95(sample))
            rate = statistics.median(rates[name])
            show(f"page of {PAGE}, {clients} at once, {name}: rate", rate, "/s")


WRITE = audit_writer.AuditWriter.write


def ask(base: str, query: str, count: int, clients: int) -> list[float]:
    """Send so many requests from so many clients; return their milliseconds."""

    def send(share: int) -> list[float]:
        http, times = requests.Session(), []
        headers = {"authorization": f"Bearer {a_token(STEWARD)}", "x-purpose": "benchmark"}
        for _ in range(share):
            started = time.perf_counter()
            answer = http.post(
                f"{base}/graphql", json={"query": query}, headers=headers, timeout=60
            )
            times.append((time.perf_counter() - started) * 1000)
            assert "errors" not in answer.json(), answer.text[:300]
        return times

    with ThreadPoolExecutor(clients) as pool:
        parts = pool.map(send, [count // clients] * clients)
        return [milliseconds for part in parts for milliseconds in part]


def measure_sealing(server: str, count: int) -> None:
    """Store, seal, export and verify events of reads of a page of fifty."""
    url = create_database(server, "identity")
    db, key = SyncDatabase(url, application="benchmark"), new_key()
    for first in range(0, count, 100):
        db.write(append_events, [an_event(first + n) for n in range(100)])
    started, batches = time.perf_counter(), 0
    while db.write(seal_next_batch, key):
        batches += 1
    show(f"sealing {count} events: rate", count / (time.perf_counter() - started), "/s")
    started = time.perf_counter()
    sealed = db.read(store.list_batches, 0, batches, batches)
    lines = [
        line
        for batch in sealed
        for line in db.read(ledger_files.batch_lines, [batch], Filter())[0].splitlines()
    ]
    show(f"exporting {count} events: rate", count / (time.perf_counter() - started), "/s")
    started = time.perf_counter()
    verdict = verify(
        [b'{"type":"ledger","version":1}', *lines],
        KeySet([OKPKey.import_key(key.as_dict(private=False))]),
    )
    assert verdict.events == count
    assert [finding.kind for finding in verdict.findings] == [
        "truncated"
    ]  # the lines lack the end of the file
    show(f"verifying {count} events: rate", count / (time.perf_counter() - started), "/s")
    db.close()


def an_event(number: int) -> AuditEvent:
    """Return the event of a read of a page."""
    ids = [str(uuid4()) for _ in range(PAGE)]
    details = {"clear": ["Contact.mobile"], "masked": [], "rows": PAGE, "ids": ids}
    return AuditEvent(
        id=AuditEventId(uuid4()),
        at=datetime.now(UTC),
        service="customers",
        actor=UserId(STEWARD),
        session=None,
        action="read",
        object="Customer",
        resource="",
        changes={},
        details=details,
        purpose="benchmark",
        decision="allow",
        policy_version=1,
        trace_id=f"{number:032x}",
    )


@contextmanager
def durable_postgres() -> Iterator[str]:
    """Run PostgreSQL with fsync for a block; yield its address."""
    with tempfile.TemporaryDirectory(prefix="huichi-bench-") as folder:
        server = Postgres(Path(folder) / "data", free_port(), new_password(), durable=True)
        with (Path(folder) / "log").open("wb") as log:
            process = server.start(log)
        try:
            server.wait(process)
            yield server.url()
        finally:
            stop_postgres(process)


def prepare_database(server: str, store: str) -> str:
    """Insert customers with telephone numbers, publish the policy; return the database URL."""
    url = create_database(server, "customers")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO customer "
            "(id, kind, name, name_key, name_grams, phone, lifecycle, collaborators) "
            "SELECT uuidv7(), 'ORGANIZATION', 'Company ' || n, 'company ' || n, '{}', "
            "'+86138' || lpad(n::text, 8, '0'), 'LEAD', '{}' FROM generate_series(1, %s) n",
            [ROWS],
        )
    policy = a_policy()
    with redis.Redis.from_url(store) as client:
        client.set(feed.SNAPSHOT, policy.to_json())
        client.set(feed.VERSION, policy.version)
    return url


def create_database(server: str, package: str) -> str:
    """Create the database of a service; return its address."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {package} TEMPLATE template0")
    base, _, query = server.partition("?")
    url = f"{base.rpartition('/')[0]}/{package}" + (f"?{query}" if query else "")
    migrate.upgrade(url, package)
    return url


def wait_until_ready(base: str) -> None:
    """Wait until the service is ready."""
    deadline = time.monotonic() + 20
    while requests.get(f"{base}/readyz", timeout=5).status_code != 200:
        assert time.monotonic() < deadline, "the service did not become ready"
        time.sleep(0.05)


def p95(sample: list[float]) -> float:
    """Return the 95th percentile."""
    return sorted(sample)[int(len(sample) * 0.95)]


def show(name: str, value: float, unit: str = "ms") -> None:
    """Print one figure."""
    print(f"{name:<58} {value:>10.1f} {unit}", flush=True)


if __name__ == "__main__":
    main()
