"""Emergency access: taken with a reason, over after a while, and judged by somebody else."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.identity.conftest import PASSWORD, House

TAKE = """
mutation($c: ID!, $r: String!, $m: Int! = 60, $k: String) {
  takeEmergencyAccess(customerId: $c, reason: $r, minutes: $m, idempotencyKey: $k) {
    emergencyAccess { id open reason customer { id } verdict } errors { code message path }
  }
}
"""
END = """
mutation($id: ID!) {
  endEmergencyAccess(id: $id) { emergencyAccess { open } errors { code } }
}
"""
REVIEW = """
mutation($id: ID!, $v: EmergencyVerdict!, $n: String! = "") {
  reviewEmergencyAccess(id: $id, verdict: $v, note: $n) {
    emergencyAccess { verdict note reviewedBy { displayName } } errors { code path }
  }
}
"""
LIST = """
query($f: EmergencyAccessFilter) { emergencyAccesses(filter: $f) { edges { node { id open } } } }
"""


@pytest.fixture(autouse=True)
def responders(house: House) -> None:
    """One who may take it; what other tests took is over."""
    if not house.one("SELECT 1 FROM user_account WHERE username = 'responder'"):
        wanted = {
            "username": "responder",
            "displayName": "Rui Responder",
            "password": PASSWORD,
            "roles": ["emergency_responder"],
        }
        house.as_("admin").data(
            "mutation($i: CreateUserInput!) { createUser(input: $i) { errors { code } } }", i=wanted
        )
        house.follow()
    house.one("UPDATE emergency_access SET ended_at = now() WHERE ended_at IS NULL RETURNING 1")


def taken(house: House, who: str = "responder", **more: Any) -> dict[str, Any]:
    asked = {"c": str(uuid4()), "r": "The server of this customer is down"} | more
    done = house.as_(who).data(TAKE, **asked)
    assert done["errors"] == []
    found: dict[str, Any] = done["emergencyAccess"]
    return found


def ids(house: House, who: str, **filter: Any) -> list[str]:
    found = house.as_(who).data(LIST, f=filter)
    return [edge["node"]["id"] for edge in found["edges"]]


def test_reaches_one_customer_and_is_written_down(house: House) -> None:
    customer, before = str(uuid4()), house.version()

    one = taken(house, c=customer, k="e1")
    again = taken(house, c=customer, k="e1")

    assert again == one
    assert one["customer"] == {"id": customer}
    assert house.version() == before + 1
    [emergency] = house.snapshot().emergencies
    assert emergency.row == UUID(customer)
    purpose = (
        "SELECT body->>'purpose' FROM outbox WHERE name = 'audit.event.recorded' "
        "AND subject = %(id)s"
    )
    assert house.one(purpose, id=one["id"]) == "The server of this customer is down"
    assert house.one(
        "SELECT name FROM outbox WHERE subject = %(id)s AND name LIKE 'identity.em%%'", id=one["id"]
    ) == ("identity.emergency_access.taken")


def test_is_ended_by_who_took_it_or_an_administrator(house: House) -> None:
    first, second = taken(house)["id"], taken(house)["id"]

    mine = house.as_("responder").data(END, id=first)
    theirs = house.as_("admin").data(END, id=second)

    assert [one["emergencyAccess"]["open"] for one in (mine, theirs)] == [False, False]
    assert house.snapshot().emergencies == ()
    assert house.as_("seller").code(END, id=first) == "FORBIDDEN"


def test_is_reviewed_once_afterwards_and_by_somebody_else(house: House) -> None:
    id = taken(house)["id"]
    auditor = house.as_("auditor")
    assert id in ids(house, "auditor", unreviewedOnly=True)

    early = auditor.data(REVIEW, id=id, v="JUSTIFIED")
    house.as_("responder").data(END, id=id)
    wordless = auditor.data(REVIEW, id=id, v="OBJECTED")
    objected = auditor.data(REVIEW, id=id, v="OBJECTED", n="There was no outage")
    twice = auditor.data(REVIEW, id=id, v="JUSTIFIED")

    assert early["errors"][0]["code"] == "CONFLICT"
    assert wordless["errors"] == [{"code": "BAD_INPUT", "path": ["note"]}]
    assert objected["emergencyAccess"] == {
        "verdict": "OBJECTED",
        "note": "There was no outage",
        "reviewedBy": {"displayName": "Ai Auditor"},
    }
    assert twice["errors"][0]["code"] == "CONFLICT"
    assert id not in ids(house, "auditor", unreviewedOnly=True)
    told = (
        "SELECT count(*) FROM outbox WHERE subject = %(id)s "
        "AND name = 'identity.emergency_access.objected'"
    )
    assert house.one(told, id=id) == 1


def test_nobody_reviews_their_own(house: House) -> None:
    id = taken(house, "admin")["id"]
    house.as_("admin").data(END, id=id)

    refused = house.as_("admin").data(REVIEW, id=id, v="JUSTIFIED")

    assert refused["errors"][0]["code"] == "FORBIDDEN"
    assert house.one("SELECT verdict FROM emergency_access WHERE id = %(id)s", id=id) is None


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"r": "  "}, ["reason"]),
        ({"m": 0}, ["minutes"]),
        ({"m": 481}, ["minutes"]),
        ({"c": "x"}, ["customerId"]),
    ],
)
def test_refuses_a_wrong_one(house: House, wrong: dict[str, Any], path: list[str]) -> None:
    before = house.version()

    refused = house.as_("responder").data(TAKE, **{"c": str(uuid4()), "r": "Why"} | wrong)

    assert (refused["errors"][0]["code"], refused["errors"][0]["path"]) == ("BAD_INPUT", path)
    assert house.version() == before


def test_is_no_way_to_read_the_pool(house: House) -> None:
    for _ in range(5):
        taken(house)

    refused = house.as_("responder").data(TAKE, c=str(uuid4()), r="One more")

    assert refused["errors"][0]["code"] == "LIMIT_EXCEEDED"
    assert house.as_("seller").code(TAKE, c=str(uuid4()), r="Me too") == "FORBIDDEN"


def test_one_sees_ones_own_and_a_reviewer_all(house: House) -> None:
    mine, other = taken(house)["id"], taken(house, "admin")["id"]

    assert mine in ids(house, "responder")
    assert other not in ids(house, "responder")
    assert {mine, other} <= set(ids(house, "auditor", openOnly=True))
