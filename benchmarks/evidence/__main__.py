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
from identity.ledger.commands.audit_event import keep
from identity.ledger.commands.ledger import seal
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
    """Measure, print one line a figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=400)
    parser.add_argument("--events", type=int, default=20_000)
    asked = parser.parse_args()
    with durable_postgres() as server, valkey_server() as store:
        url = prepared(server, store)
        settings = CustomersSettings(
            database_url=url, redis_url=store, issuer_url="http://127.0.0.1:1"
        )
        sealing(server, asked.events)
        keys = {"keys": [KEY.as_dict(private=False)]}
        with patch("chassis.web._fetch_keys", lambda _: keys), served(create(settings)) as base:
            ready(base)
            reads(base, asked.requests)


def reads(base: str, count: int) -> None:
    """The same page with and without its event, in turns so that both meet the same machine."""

    async def skipped(self: audit_writer.AuditWriter, events: Sequence[Event]) -> None:
        return None

    for clients in (1, 16):
        times: dict[str, list[float]] = {"audited": [], "not audited": []}
        rates: dict[str, list[float]] = {"audited": [], "not audited": []}
        for _ in range(4):
            for name, sample in times.items():
                with patch.object(
                    audit_writer.AuditWriter, "write", skipped if "not" in name else TELL
                ):
                    begun = time.perf_counter()
                    sample += ask(base, PAGE_OF_NUMBERS, count // 4, clients)
                    rates[name].append(count // 4 / (time.perf_counter() - begun))
        for name, sample in times.items():
            show(f"page of {PAGE}, {clients} at once, {name}: median", statistics.median(sample))
            show(f"page of {PAGE}, {clients} at once, {name}: p95", p95(sample))
            rate = statistics.median(rates[name])
            show(f"page of {PAGE}, {clients} at once, {name}: rate", rate, "/s")


TELL = audit_writer.AuditWriter.write


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


def sealing(server: str, count: int) -> None:
    """Keeping, sealing, exporting and verifying events of reads of a page of fifty."""
    url = migrated(server, "identity")
    db, key = SyncDatabase(url, application="benchmark"), new_key()
    for each in range(0, count, 100):
        db.write(keep, [an_event(each + n) for n in range(100)])
    begun, batches = time.perf_counter(), 0
    while db.write(seal, key):
        batches += 1
    show(f"sealing {count} events: rate", count / (time.perf_counter() - begun), "/s")
    begun = time.perf_counter()
    every = db.read(store.batches, 0, batches, batches)
    lines = [
        line
        for one in every
        for line in db.read(ledger_files.of_batches, [one], Filter())[0].splitlines()
    ]
    show(f"exporting {count} events: rate", count / (time.perf_counter() - begun), "/s")
    begun = time.perf_counter()
    said = verify(
        [b'{"type":"ledger","version":1}', *lines],
        KeySet([OKPKey.import_key(key.as_dict(private=False))]),
    )
    assert said.events == count
    assert [one.kind for one in said.findings] == ["truncated"]  # these lines have no end
    show(f"verifying {count} events: rate", count / (time.perf_counter() - begun), "/s")
    db.close()


def an_event(number: int) -> AuditEvent:
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
    url = migrated(server, "customers")
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


def migrated(server: str, package: str) -> str:
    """A new database of a service."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {package} TEMPLATE template0")
    base, _, query = server.partition("?")
    url = f"{base.rpartition('/')[0]}/{package}" + (f"?{query}" if query else "")
    migrate.upgrade(url, package)
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
