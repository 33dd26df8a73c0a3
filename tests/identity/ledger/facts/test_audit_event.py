"""The ledger: what every service tells arrives once, is found by auditors,
and is never rewritten."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import orjson
import psycopg
import pytest
import redis

from chassis.facts.stream import Received
from identity.ledger.facts.audit_event import audit_recorded
from tests.identity.conftest import House

EVENTS = """
query($f: AuditEventFilter, $n: Int! = 20, $a: String) {
  auditEvents(filter: $f, first: $n, after: $a) {
    edges { node {
      id at service action object resource decision purpose policyVersion traceId
      actor { displayName } changes { field before after }
    } }
    pageInfo { hasNextPage endCursor }
  }
}
"""


def events(house: House, **filter: Any) -> list[dict[str, Any]]:
    page = house.as_("auditor").data(EVENTS, f=filter)
    return [edge["node"] for edge in page["edges"]]


def arrived(house: House, **filter: Any) -> list[dict[str, Any]]:
    """The events once they are there; facts travel through the outbox and Valkey."""
    until = time.monotonic() + 10
    while not (found := events(house, **filter)) and time.monotonic() < until:
        time.sleep(0.05)
    return found


def fact(resource: str, **body: Any) -> Received:
    return Received(
        id=uuid4(),
        name="audit.event.recorded",
        subject=resource,
        body={
            "actor": None,
            "session": None,
            "action": "merge",
            "object": "Customer",
            "resource": resource,
            "changes": {"mobile": ["138****0000", None], "tags": [["a"], ["a", "b"]]},
            "purpose": "duplicate",
            "decision": "allow",
            "policy_version": 7,
            "trace_id": "0af7651916cd43dd8448eb211c80319c",
        }
        | body,
        source="customers",
        at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    )


def test_keeps_what_identity_itself_does(house: House) -> None:
    signed = house.nobody().sign_in("seller")

    found = arrived(house, resource=signed["sessionId"])

    assert len(found) == 1
    assert found[0]["actor"] == {"displayName": "Sun Seller"}
    assert (found[0]["service"], found[0]["action"]) == ("identity", "sign_in")
    assert len(found[0]["traceId"]) == 32


def test_keeps_refused_sign_ins(house: House) -> None:
    house.nobody().sign_in("lead", "wrong")

    found = arrived(house, resource=house.user("lead"), decision="deny")

    assert [(one["action"], one["actor"]) for one in found] == [("sign_in", None)]


def test_keeps_what_other_services_tell_through_the_stream(house: House) -> None:
    sent, resource = fact("c-1"), "c-1"
    entry = {
        "id": str(sent.id),
        "name": sent.name,
        "subject": sent.subject,
        "body": orjson.dumps(sent.body),
        "traceparent": "",
        "at": sent.at.isoformat(),
    }

    with redis.Redis.from_url(house.settings.redis_url) as client:
        client.xadd("facts:customers", entry)
        client.xadd("facts:customers", entry)
    found = arrived(house, resource=resource)

    assert found == [
        {
            "id": str(sent.id),
            "at": "2026-01-02T03:04:05+00:00",
            "service": "customers",
            "action": "merge",
            "object": "Customer",
            "resource": "c-1",
            "decision": "allow",
            "purpose": "duplicate",
            "policyVersion": 7,
            "traceId": "0af7651916cd43dd8448eb211c80319c",
            "actor": None,
            "changes": [
                {"field": "mobile", "before": "138****0000", "after": None},
                {"field": "tags", "before": "a", "after": "a, b"},
            ],
        }
    ]


def test_twice_is_the_same_as_once(house: House) -> None:
    sent = fact("c-twice")

    house.db.write(audit_recorded, sent)
    house.db.write(audit_recorded, sent)

    count = "SELECT count(*) FROM audit_event WHERE resource = 'c-twice'"
    assert house.one(count) == 1


def test_finds_events_by_what_they_say(house: House) -> None:
    me = UUID(house.user("lead"))
    for number in range(5):
        house.db.write(audit_recorded, fact("c-many", actor=str(me), action=f"act{number}"))
    house.db.write(audit_recorded, fact("c-many", actor=str(uuid4()), trace_id="f" * 32))

    assert len(events(house, resource="c-many")) == 6
    assert len(events(house, resource="c-many", actorId=str(me))) == 5
    assert len(events(house, resource="c-many", actions=["act1", "act2"])) == 2
    assert len(events(house, traceId="f" * 32)) == 1
    assert events(house, resource="c-many", until="2026-01-02T03:04:05Z") == []
    since = "2026-01-02T03:04:05Z"
    assert len(events(house, resource="c-many", since=since, until="2026-01-03T00:00:00Z")) == 6


def test_pages_through_events_newest_first(house: House) -> None:
    for _ in range(7):
        house.db.write(audit_recorded, fact("c-pages"))
    seen: list[str] = []
    after = None
    while True:
        page = house.as_("auditor").data(EVENTS, f={"resource": "c-pages"}, n=3, a=after)
        seen += [edge["node"]["id"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break

    assert seen == sorted(seen, reverse=True)
    assert len(seen) == len(set(seen)) == 7


@pytest.mark.parametrize(
    "wrong",
    [
        {"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"},
        {"since": "2026-01-02T00:00:00"},
        {"actorId": "me"},
        {"resource": "a\u0000b"},
    ],
)
def test_refuses_a_wrong_filter(house: House, wrong: dict[str, str]) -> None:
    assert house.as_("auditor").code(EVENTS, f=wrong) == "BAD_INPUT"


@pytest.mark.parametrize("who", ["seller", "lead"])
def test_is_for_auditors(house: House, who: str) -> None:
    assert house.as_(who).code(EVENTS) == "FORBIDDEN"


@pytest.mark.parametrize(
    "rewrite",
    [
        "UPDATE audit_event SET action = 'other'",
        "DELETE FROM audit_event",
        "TRUNCATE audit_event",
    ],
)
def test_the_database_refuses_to_rewrite_it(house: House, rewrite: str) -> None:
    house.db.write(audit_recorded, fact("c-kept"))
    kept = "SELECT jsonb_agg(to_jsonb(e) ORDER BY id) FROM audit_event e WHERE resource = 'c-kept'"
    before = house.one(kept)

    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
        house.one(rewrite)

    assert house.one(kept) == before
