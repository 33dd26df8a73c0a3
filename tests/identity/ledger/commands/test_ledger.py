"""Every event gets one number, whoever seals and however late its transaction commits."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import pairwise
from uuid import UUID, uuid4

import psycopg
import pytest

from chassis.db import SyncDatabase
from identity.core.domain.ids import AuditEventId
from identity.ledger.commands.audit_event import append_events
from identity.ledger.commands.ledger import seal_next_batch
from identity.ledger.domain.audit_event import AuditEvent
from identity.ledger.domain.ledger import Header, event_content, leaf_hash
from identity.ledger.store import ledger as store
from identity.sign_in.domain.token import new_key
from tests.support.servers import Databases

KEY = new_key()


@pytest.fixture
def db(databases: Databases) -> Iterator[SyncDatabase]:
    url = databases.fresh("identity")
    opened = SyncDatabase(url, application="test", pool_size=8)
    yield opened
    opened.close()
    databases.drop(url)


def an_event(resource: str = "r") -> AuditEvent:
    return AuditEvent(
        id=AuditEventId(uuid4()),
        at=datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC),
        service="customers",
        actor=None,
        session=None,
        action="update",
        object="Customer",
        resource=resource,
        changes={"名": ["旧", "新"], "n": [1.5, 10**15]},
        details={"ids": [str(UUID(int=1))]},
        purpose=None,
        decision="allow",
        policy_version=1,
        trace_id=None,
    )


def test_several_sealers_number_each_event_once(db: SyncDatabase) -> None:
    for _ in range(5):
        db.write(append_events, [an_event() for _ in range(100)])

    def until_done(_: int) -> list[Header]:
        found = []
        while db.read(store.seconds_waiting):
            if head := db.write(seal_next_batch, KEY, 40):
                found.append(head)
        return found

    with ThreadPoolExecutor(4) as sealers:
        heads = [head for some in sealers.map(until_done, range(4)) for head in some]

    heads.sort(key=lambda head: head.batch)
    assert [head.batch for head in heads] == list(range(1, len(heads) + 1))
    assert heads[-1].last == 500
    assert all(b.previous == a.hash for a, b in pairwise(heads))
    numbers = [number for number, _ in db.read(lambda s: list(store.numbered_events(s, 1, 500)))]
    assert numbers == list(range(1, 501))


def test_what_commits_late_is_sealed_late_and_not_forgotten(db: SyncDatabase) -> None:
    url = db.engine.url.set(drivername="postgresql").render_as_string(False)
    late = an_event("late")

    with psycopg.connect(url) as slow:
        slow.execute(
            "INSERT INTO audit_event (id, at, service, action, object, resource, "
            "changes, decision) "
            "VALUES (%s, now(), 'customers', 'update', 'Customer', 'late', '{}', 'allow')",
            [late.id],
        )
        db.write(append_events, [an_event("quick")])
        first = db.write(seal_next_batch, KEY)
        slow.commit()
    second = db.write(seal_next_batch, KEY)

    assert (first and first.last, second and second.last) == (1, 2)
    found = dict(db.read(lambda s: list(store.numbered_events(s, 1, 2))))
    assert [found[n].resource for n in (1, 2)] == ["quick", "late"]
    assert db.write(seal_next_batch, KEY) is None


def test_an_event_is_hashed_as_it_will_be_read_again(db: SyncDatabase) -> None:
    event = an_event()
    db.write(append_events, [event])
    db.write(seal_next_batch, KEY)

    sealed = db.read(store.latest)
    read = dict(db.read(lambda s: list(store.numbered_events(s, 1, 1))))[1]

    assert sealed is not None
    assert sealed.leaves == [leaf_hash(event_content(read))] == [leaf_hash(event_content(event))]
