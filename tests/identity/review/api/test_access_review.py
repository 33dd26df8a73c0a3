"""A review from the first count of uses to the closing report, with everybody in their part."""

from __future__ import annotations

import csv
import hashlib
import io
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from chassis.audit import right_usage
from chassis.facts.stream import Received
from chassis.facts.types import RIGHTS_USED
from identity.facts import HANDLERS
from identity.review.commands.access_review_begin import begin_if_due
from tests.identity.conftest import House

CREATE = """mutation($due: DateTime!, $reach: AccessReviewReach, $key: String) {
  createAccessReview(title: "Q4", dueAt: $due, reach: $reach, idempotencyKey: $key) {
    errors { code message path }
    review { id version status progress { items kept revoked open } } } }"""
ITEMS = """query($id: ID!) { accessReview(id: $id) { version status
  progress { items kept revoked open } items(first: 100) { edges { node {
    id kind what granted used onlyHere onlyHereUsed decision
    outcome user { id } reviewer { id } } } } } }"""
DECIDE = """mutation($id: ID!, $items: [ID!]!, $d: AccessReviewDecision!, $note: String! = "") {
  decideAccessReview(id: $id, itemIds: $items, decision: $d, note: $note) {
    errors { code path message } review { myProgress { items open } } } }"""
SIGN = "mutation($id: ID!) { signOffAccessReview(id: $id) { errors { code message } } }"
CLOSE = """mutation($id: ID!, $v: Int!, $u: AccessReviewDecision, $dry: Boolean! = false) {
  closeAccessReview(id: $id, expectedVersion: $v, undecided: $u, dryRun: $dry) {
    errors { code message } outcomes { outcome items }
    usersLosing policyVersion review { status } } }"""
SOON = (datetime.now(UTC) + timedelta(days=30)).isoformat()


@pytest.fixture(scope="module")
def quickly() -> Iterator[None]:
    """Uses are told ten times a second here."""
    before = right_usage.EVERY_SECONDS
    right_usage.EVERY_SECONDS = 0.1
    yield
    right_usage.EVERY_SECONDS = before


@pytest.fixture(scope="module")
def house(quickly: None, house: House) -> House:
    """The house of all tests of identity, started when it counts quickly."""
    return house


@pytest.fixture(autouse=True)
def one_at_a_time(house: House) -> Iterator[None]:
    yield
    give_back = "UPDATE access_review SET status = 'discarded' WHERE status = 'open'"
    house.db.write(lambda s: s.execute(text(give_back)))


def created(house: House, **more: Any) -> str:
    answer = house.as_("admin").data(CREATE, due=SOON, **more)
    assert answer["errors"] == [], answer
    return str(answer["review"]["id"])


def read(house: House, id: str, who: str = "admin") -> dict[str, Any]:
    return dict(house.as_(who).data(ITEMS, id=id))


def items(house: House, id: str, who: str = "admin") -> dict[tuple[str, str], dict[str, Any]]:
    names = {house.user(name): name for name in ("admin", "lead", "seller", "auditor", "sync")}
    nodes = [edge["node"] for edge in read(house, id, who)["items"]["edges"]]
    return {(names[node["user"]["id"]], node["what"]): node for node in nodes}


def decide(house: House, id: str, who: str, decision: str, *what: str, note: str = "") -> Any:
    return house.as_(who).data(DECIDE, id=id, items=list(what), d=decision, note=note)["errors"]


def test_what_people_do_is_counted_by_right_and_day(house: House) -> None:
    house.as_("auditor").data("{ auditEvents(first: 1) { edges { node { id } } } }")

    until = time.monotonic() + 30
    query = (
        "SELECT uses FROM right_use WHERE user_id = %(who)s AND object = 'AuditEvent' "
        "AND action = 'read' AND day = (now() AT TIME ZONE 'UTC')::date"
    )
    while not house.one(query, who=house.user("auditor")):
        assert time.monotonic() < until, "no use arrived"
        time.sleep(0.05)
    rights = house.as_("admin").data(
        "query($id: ID!) { rightsOf(userId: $id) { object action through uses lastUsed } }",
        id=house.user("auditor"),
    )
    events = next(one for one in rights if (one["object"], one["action"]) == ("AuditEvent", "read"))
    assert events["uses"] >= 1
    assert events["through"] == "auditor"
    assert rights[0]["uses"] == 0
    assert house.as_("seller").code("{ unusedAccess { what } }") == "FORBIDDEN"


def test_a_fact_that_comes_twice_counts_by_its_inbox_and_days_add_up(house: House) -> None:
    body = {"uses": [[house.user("sync"), "Tag", "read", "2026-01-01", 2]]}
    fact = Received(
        UUID(int=7), RIGHTS_USED.name, "2026-01-01", body, "customers", datetime.now(UTC)
    )

    for _ in range(2):
        house.db.write(HANDLERS[RIGHTS_USED.name], fact)

    assert house.one("SELECT uses FROM right_use WHERE day = '2026-01-01'") == 4


def test_everybody_is_reviewed_by_the_nearest_above_never_by_themselves(house: House) -> None:
    found = items(house, created(house))

    reviewers = {
        who: node["reviewer"]["id"] if node["reviewer"] else None
        for (who, _), node in found.items()
    }
    assert reviewers == {
        "seller": house.user("lead"),
        "lead": house.user("admin"),
        "auditor": house.user("admin"),
        "sync": house.user("admin"),
        "admin": None,
    }
    assert found["seller", "sales"]["kind"] == "ROLE"
    assert found["sync", "sync"]["onlyHereUsed"] == 0


def test_a_reviewer_sees_and_decides_their_part_only(house: House) -> None:
    id = created(house)
    all_of_it = items(house, id)
    mine = items(house, id, "lead")

    assert set(mine) == {("seller", "sales")}
    theirs = all_of_it["auditor", "auditor"]["id"]
    [refused] = decide(house, id, "lead", "REVOKE", theirs)
    assert refused["code"] == "NOT_FOUND"
    assert items(house, id)["auditor", "auditor"]["decision"] is None
    assert house.as_("seller").data(ITEMS, id=id) is None
    assert house.as_("auditor").code(DECIDE, id=id, items=[theirs], d="KEEP") == "FORBIDDEN"


def test_to_keep_what_nobody_used_takes_a_reason(house: House) -> None:
    id = created(house)  # nobody ever signs in as sync here
    item = items(house, id)["sync", "sync"]["id"]

    [refused] = decide(house, id, "admin", "KEEP", item)

    assert (refused["code"], refused["path"]) == ("BAD_INPUT", ["note"])
    assert decide(house, id, "admin", "KEEP", item, note="每月同步一次") == []


def test_a_review_is_closed_when_all_have_signed_and_takes_away_what_was_revoked(
    house: House,
) -> None:
    rule = """mutation($s: String!, $v: Int!) { addRule(expectedVersion: $v, input: {subject: $s,
      object: "DeadLetter", action: "read"}) { errors { code message } } }"""
    mine = f"user:{house.user('seller')}"
    assert house.as_("admin").data(rule, s=mine, v=house.version())["errors"] == []
    people = [house.user("seller"), house.user("lead")]
    id = created(house, reach={"userIds": people})
    found = items(house, id)
    assert found["seller", "DeadLetter read all clear"]["kind"] == "RULE"
    seller = [node["id"] for (who, _), node in found.items() if who == "seller"]
    assert decide(house, id, "lead", "REVOKE", *seller) == []
    early = house.as_("admin").data(CLOSE, id=id, v=read(house, id)["version"])
    assert early["errors"][0]["code"] == "CONFLICT"
    assert house.as_("admin").data(SIGN, id=id)["errors"][0]["code"] == "CONFLICT"
    assert (
        decide(house, id, "admin", "KEEP", found["lead", "sales_lead"]["id"], note="带团队") == []
    )
    for who in ("lead", "admin"):
        assert house.as_(who).data(SIGN, id=id)["errors"] == []
    version = read(house, id)["version"]

    dry = house.as_("admin").data(CLOSE, id=id, v=version, dry=True)
    before = house.version()
    done = house.as_("admin").data(CLOSE, id=id, v=version)

    assert (
        dry["outcomes"]
        == done["outcomes"]
        == [
            {"outcome": "KEPT", "items": 1},
            {"outcome": "REMOVED", "items": 2},
        ]
    )
    assert (dry["policyVersion"], dry["review"]["status"]) == (None, "OPEN")
    assert (done["usersLosing"], done["review"]["status"]) == (1, "CLOSED")
    assert house.version() == done["policyVersion"] > before
    member = house.snapshot().users[UUID(house.user("seller"))]
    assert member.roles == ()
    assert not [rule for rule in house.snapshot().rules if rule.subject == mine]
    closed = """query($id: ID!) { accessReview(id: $id) { report waitingFor { id }
      signedOff { reviewer { id } } } }"""
    record = house.as_("admin").data(closed, id=id)
    assert record["waitingFor"] == []
    assert {one["reviewer"]["id"] for one in record["signedOff"]} == {
        house.user("lead"),
        house.user("admin"),
    }
    report = record["report"]
    assert {line["outcome"] for line in csv.DictReader(io.StringIO(report))} == {"KEPT", "REMOVED"}
    digest = hashlib.sha256(report.encode()).hexdigest()
    closing = (
        "SELECT body -> 'changes' -> 'report_sha256' ->> 1 FROM outbox WHERE subject = %(id)s "
        "AND body ->> 'action' = 'close'"
    )
    assert house.one(closing, id=id) == digest


def test_what_nobody_decided_may_be_settled_after_the_due_date_only(house: House) -> None:
    id = created(house, reach={"userIds": [house.user("auditor")]})
    version = read(house, id)["version"]
    assert (
        house.as_("admin").data(CLOSE, id=id, v=version, u="KEEP")["errors"][0]["code"]
        == "CONFLICT"
    )
    overdue = text("UPDATE access_review SET due_at = now() WHERE id = :id")
    house.db.write(lambda s: s.execute(overdue, {"id": id}))

    done = house.as_("admin").data(CLOSE, id=id, v=version, u="KEEP")

    assert done["outcomes"] == [{"outcome": "KEPT", "items": 1}]


def test_the_last_administrator_is_not_reviewed_away(house: House) -> None:
    id = created(house, reach={"userIds": [house.user("admin")]})
    reassign = """mutation($id: ID!, $items: [ID!]!, $who: ID!) {
      reassignAccessReview(id: $id, itemIds: $items, reviewerId: $who) { errors { code } } }"""
    item = items(house, id)["admin", "administrator"]["id"]
    own = house.as_("admin").data(reassign, id=id, items=[item], who=house.user("admin"))
    powerless = house.as_("admin").data(reassign, id=id, items=[item], who=house.user("auditor"))
    given = house.as_("admin").data(reassign, id=id, items=[item], who=house.user("lead"))
    assert [one["errors"] for one in (own, powerless, given)] == [
        [{"code": "BAD_INPUT"}],
        [{"code": "FORBIDDEN"}],
        [],
    ]
    assert decide(house, id, "lead", "REVOKE", item) == []
    assert house.as_("lead").data(SIGN, id=id)["errors"] == []

    refused = house.as_("admin").data(CLOSE, id=id, v=read(house, id)["version"])

    assert refused["errors"][0]["code"] == "BAD_INPUT"
    assert read(house, id)["status"] == "OPEN"
    assert house.snapshot().users[UUID(house.user("admin"))].roles == ("administrator",)


def test_the_calendar_opens_a_review_once(house: House) -> None:
    discard = "UPDATE access_review SET status = 'discarded'"
    house.db.write(lambda s: s.execute(text(discard)))

    first = house.db.write(begin_if_due, 3, 30)
    second = house.db.write(begin_if_due, 3, 30)

    assert first is not None
    assert second is None
    assert read(house, str(first))["progress"]["items"] >= 4


def test_a_repeated_creation_is_one(house: House) -> None:
    assert created(house, key="once") == created(house, key="once")
