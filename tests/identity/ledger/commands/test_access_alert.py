"""Sealed events are watched once each, and what is unusual raises one alert that grows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from chassis.db import SyncDatabase
from identity.core.domain.ids import AuditEventId, UserId
from identity.ledger.commands.access_alert import watch_next_events
from identity.ledger.commands.audit_event import append_events
from identity.ledger.commands.ledger import seal_next_batch
from identity.ledger.domain.alert_rule import AlertKind
from identity.ledger.domain.audit_event import AuditEvent
from identity.ledger.store import alert_rule as rules
from identity.sign_in.domain.token import new_key
from tests.support.servers import Databases

KEY = new_key()
NOON = datetime(2026, 10, 8, 4, tzinfo=UTC)  # a Thursday, noon in Shanghai
WHO, OTHER = UUID(int=1), UUID(int=2)


@pytest.fixture
def db(databases: Databases) -> Iterator[SyncDatabase]:
    url = databases.fresh("identity")
    opened = SyncDatabase(url, application="test")
    yield opened
    opened.close()
    databases.drop(url)


def an_event(at: datetime = NOON, who: UUID | None = WHO, **more: Any) -> AuditEvent:
    said = AuditEvent(
        id=AuditEventId(uuid4()),
        at=at,
        service="customers",
        actor=UserId(who) if who else None,
        session=None,
        action="read",
        object="Customer",
        resource="",
        changes={},
        details={},
        purpose=None,
        decision="allow",
        policy_version=1,
        trace_id=None,
    )
    return replace(said, **more)


def a_read(persons: Sequence[int], at: datetime = NOON, **more: Any) -> AuditEvent:
    ids = [str(UUID(int=n + 1000)) for n in persons]
    rows = more.pop("rows", len(ids))
    details = {"clear": ["Contact.mobile"], "rows": rows, "clear_rows": rows, "ids": ids}
    return an_event(at, details=details, **more)


def happened(db: SyncDatabase, *events: AuditEvent) -> None:
    """The events are in the ledger, sealed and watched."""
    db.write(append_events, events)
    while db.write(seal_next_batch, KEY):
        pass
    while db.write(watch_next_events):
        pass


def alerts(db: SyncDatabase) -> list[tuple[str, UUID, int]]:
    asked = "SELECT kind, subject_id, measure FROM access_alert ORDER BY raised_at, kind"
    return [tuple(row) for row in db.read(lambda s: s.execute(text(asked)).all())]


def test_each_person_counts_once_within_the_window(db: SyncDatabase) -> None:
    again = [a_read(range(60), NOON + timedelta(minutes=n)) for n in range(5)]
    old = a_read(range(200, 260), NOON - timedelta(minutes=11))

    happened(db, old, *again)
    assert alerts(db) == []
    happened(db, a_read(range(60, 100), NOON + timedelta(minutes=6)))

    assert alerts(db) == [("BULK_READING", WHO, 100)]


def test_rows_beyond_the_ids_of_an_event_count_too(db: SyncDatabase) -> None:
    happened(db, a_read(range(200), rows=500))

    assert alerts(db) == [("BULK_READING", WHO, 500)]


def test_masked_and_refused_reads_are_no_bulk_reading(db: SyncDatabase) -> None:
    masked = a_read(range(150))
    masked = replace(masked, details=masked.details | {"clear": [], "clear_rows": 0})

    happened(db, masked, replace(a_read(range(150)), decision="deny"))

    assert alerts(db) == []


def test_what_is_usual_for_somebody_raises_nothing(db: SyncDatabase) -> None:
    for day in range(3, 0, -1):
        happened(db, a_read(range(80), NOON - timedelta(days=day)))

    happened(db, a_read(range(150)), a_read(range(150), who=OTHER))

    assert alerts(db) == [("BULK_READING", OTHER, 150)]


def test_an_alert_grows_and_is_told_once(db: SyncDatabase) -> None:
    happened(db, a_read(range(120)))
    happened(db, a_read(range(120, 200), NOON + timedelta(minutes=1)))

    facts = "SELECT count(*) FROM outbox WHERE name = 'identity.access_alert.raised'"
    assert alerts(db) == [("BULK_READING", WHO, 200)]
    assert db.read(lambda s: s.execute(text(facts)).scalar_one()) == 1
    assert db.write(watch_next_events) == 0


def test_what_was_resolved_raises_again_only_if_it_goes_on(db: SyncDatabase) -> None:
    happened(db, a_read(range(120)))
    resolve = "UPDATE access_alert SET status = 'RESOLVED'"
    db.write(lambda s: s.execute(text(resolve)))

    happened(db, a_read(range(300, 310), NOON + timedelta(minutes=1)))
    assert len(alerts(db)) == 1
    happened(db, a_read(range(400, 500), NOON + timedelta(minutes=2)))

    assert len(alerts(db)) == 2


def test_odd_hours_count_from_the_end_of_work(db: SyncDatabase) -> None:
    nine = NOON + timedelta(hours=9)  # 21:00 in Shanghai
    happened(
        db,
        a_read(range(50), nine - timedelta(minutes=5)),
        a_read(range(50, 60), nine + timedelta(minutes=5)),
    )
    assert alerts(db) == []

    happened(db, a_read(range(60, 70), nine + timedelta(minutes=9)))

    assert alerts(db) == [("ODD_HOURS", WHO, 20)]


def test_each_kind_counts_its_own(db: SyncDatabase) -> None:
    minute = timedelta(minutes=1)
    exports = [an_event(NOON + n * minute, action="export", details={"rows": 10}) for n in range(5)]
    large = an_event(who=OTHER, action="export", details={"rows": 6000})
    ledger = [an_event(who=OTHER, action="export", object="AuditEvent") for _ in range(9)]
    refusals = [an_event(who=OTHER, action="merge", decision="deny") for _ in range(20)]
    wrong = [
        an_event(who=None, action="sign_in", decision="deny", resource=str(WHO)) for _ in range(10)
    ]
    nobody = [
        an_event(who=None, action="sign_in", decision="deny", resource="unknown") for _ in range(50)
    ]
    from_everywhere = [
        an_event(action="sign_in", details={"address": f"192.0.2.{n}"}) for n in range(4)
    ]

    happened(db, *exports, large, *ledger, *refusals, *wrong, *nobody, *from_everywhere)

    assert sorted(alerts(db)) == [
        ("EXPORT_BURST", WHO, 5),
        ("EXPORT_ROWS", OTHER, 6000),
        ("REFUSALS", OTHER, 20),
        ("REFUSED_SIGN_INS", WHO, 10),
        ("SIGN_IN_ADDRESSES", WHO, 4),
    ]


def test_a_rule_that_is_off_is_silent_and_misses_nothing_else(db: SyncDatabase) -> None:
    off = "UPDATE alert_rule SET enabled = false WHERE kind = 'BULK_READING'"
    db.write(lambda s: s.execute(text(off)))

    happened(db, a_read(range(2000)), *[an_event(decision="deny") for _ in range(20)])

    assert [kind for kind, *_ in alerts(db)] == ["REFUSALS"]


def test_every_kind_has_a_rule(db: SyncDatabase) -> None:
    assert {rule.kind for rule in db.read(rules.all_rules)} == set(AlertKind)


def test_strange_details_stop_nobody(db: SyncDatabase) -> None:
    strange: list[Any] = [
        {"clear": "x", "ids": 3, "clear_rows": "many"},
        {"clear": ["a"], "ids": ["b"], "clear_rows": None},
        {"clear": ["a"], "clear_rows": 5},
        {"rows": "all"},
    ]

    happened(
        db,
        *[an_event(details=one) for one in strange],
        *[an_event(action="export", details=one) for one in strange],
        a_read(range(120)),
    )

    assert alerts(db) == [("BULK_READING", WHO, 120)]
