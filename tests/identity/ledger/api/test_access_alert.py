"""Auditors see alerts and decide them, administrators edit the rules,
nobody decides about themselves."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from identity.ledger.facts.audit_event import audit_recorded
from tests.identity.conftest import House
from tests.identity.ledger.facts.test_audit_event import events, fact

ALERTS = """query($f: AccessAlertFilter) { accessAlerts(filter: $f, first: 20) { edges { node {
  id version kind status reason measure threshold user { displayName } note
  events(first: 2) { edges { node { action } } pageInfo { hasNextPage } } } } } }"""
DECIDE = """mutation($id: ID!, $note: String!, $v: Int) {
  %s(id: $id, note: $note, expectedVersion: $v) {
  accessAlert { status note version decidedBy { displayName } } errors { code path } } }"""
RULES = """{ alertRules { kind version enabled threshold minutes times ceiling
  hours { begins ends weekdays timeZone holidays } } }"""
CHANGE = """mutation($k: AlertKind!, $s: AlertRuleSet!, $v: Int) {
  updateAlertRule(kind: $k, set: $s, expectedVersion: $v) {
  alertRule { threshold hours { begins holidays } version } errors { code path } } }"""


def refusals(house: House, user: str, count: int = 20) -> None:
    for _ in range(count):
        said = fact("", actor=user, action="merge", decision="deny", details={})
        object.__setattr__(said, "at", datetime.now(UTC))
        house.db.write(audit_recorded, said)


def alerts_of(house: House, user: str, who: str = "auditor") -> list[dict[str, Any]]:
    until = time.monotonic() + 30
    while True:
        found = house.as_(who).data(ALERTS, f={"userId": user, "kind": "REFUSALS"})
        if found["edges"] or time.monotonic() > until:
            return [edge["node"] for edge in found["edges"]]
        time.sleep(0.1)


def test_an_alert_is_seen_looked_at_and_resolved(house: House) -> None:
    lead = house.user("lead")
    refusals(house, lead, 30)

    [alert] = alerts_of(house, lead)
    first = house.as_("auditor").data(
        DECIDE % "acknowledgeAlert", id=alert["id"], note="Asked her", v=None
    )
    second = house.as_("admin").data(DECIDE % "resolveAlert", id=alert["id"], note="A wrong link")
    again = house.as_("auditor").data(DECIDE % "resolveAlert", id=alert["id"], note="Twice")

    assert (alert["status"], alert["threshold"]) == ("OPEN", 20)
    assert alert["user"]["displayName"] == "Lin Lead"
    assert alert["reason"] == f"The policy denied access {alert['measure']} times."
    assert [edge["node"]["action"] for edge in alert["events"]["edges"]] == ["merge", "merge"]
    assert alert["events"]["pageInfo"]["hasNextPage"]
    assert first["accessAlert"]["status"] == "ACKNOWLEDGED"
    assert second["accessAlert"]["decidedBy"] == {"displayName": "Ada Admin"}
    assert again["errors"][0]["code"] == "CONFLICT"
    until = time.monotonic() + 30
    while len(told := events(house, object="AccessAlert", resource=alert["id"])) < 2:
        assert time.monotonic() < until
        time.sleep(0.1)
    assert [one["action"] for one in told] == ["resolve", "acknowledge"]


def test_nobody_decides_about_themselves(house: House) -> None:
    auditor = house.user("auditor")
    refusals(house, auditor)
    [alert] = alerts_of(house, auditor)

    refused = house.as_("auditor").data(DECIDE % "resolveAlert", id=alert["id"], note="All well")

    assert refused["errors"][0]["code"] == "FORBIDDEN"
    assert alerts_of(house, auditor)[0]["status"] == "OPEN"


def test_a_decision_is_refused_that_says_nothing_or_is_too_late(house: House) -> None:
    seller = house.user("seller")
    refusals(house, seller)
    [alert] = alerts_of(house, seller)
    auditor = house.as_("auditor")

    empty = auditor.data(DECIDE % "resolveAlert", id=alert["id"], note=" ")
    stale = auditor.data(DECIDE % "resolveAlert", id=alert["id"], note="x", v=99)
    unknown = auditor.data(DECIDE % "resolveAlert", id=str(uuid4()), note="x")

    assert empty["errors"][0] == {"code": "BAD_INPUT", "path": ["note"]}
    assert stale["errors"][0]["code"] == "CONFLICT"
    assert unknown["errors"][0]["code"] == "NOT_FOUND"
    assert alerts_of(house, seller)[0]["status"] == "OPEN"


def test_administrators_say_what_is_unusual(house: House) -> None:
    admin = house.as_("admin")
    hours = {
        "begins": "09:30",
        "ends": "18:00",
        "weekdays": [1, 2, 3, 4, 5, 6],
        "timeZone": "Asia/Shanghai",
        "holidays": ["2026-10-01"],
    }

    [before] = [rule for rule in admin.data(RULES) if rule["kind"] == "ODD_HOURS"]
    done = admin.data(
        CHANGE, k="ODD_HOURS", s={"threshold": 7, "hours": hours}, v=before["version"]
    )
    stale = admin.data(CHANGE, k="ODD_HOURS", s={"threshold": 8}, v=before["version"])
    wrong = admin.data(CHANGE, k="ODD_HOURS", s={"hours": hours | {"begins": "half past nine"}})
    null = admin.data(CHANGE, k="ODD_HOURS", s={"threshold": None})

    assert done["alertRule"] == {
        "threshold": 7,
        "hours": {"begins": "09:30", "holidays": ["2026-10-01"]},
        "version": before["version"] + 1,
    }
    assert stale["errors"][0]["code"] == "CONFLICT"
    assert wrong["errors"][0] == {"code": "BAD_INPUT", "path": ["hours", "begins"]}
    assert null["errors"][0]["code"] == "BAD_INPUT"


def test_it_is_for_auditors_and_administrators(house: House) -> None:
    assert house.as_("lead").code(ALERTS) == "FORBIDDEN"
    assert house.as_("auditor").data(RULES)
    change = house.as_("auditor").code(CHANGE, k="REFUSALS", s={"enabled": False})
    assert change == "FORBIDDEN"
