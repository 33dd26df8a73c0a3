"""While one is away: who may hand on what, to whom, until when, and how it is explained."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from chassis.policy.compiling import compile_rules
from tests.identity.conftest import PASSWORD, House

DELEGATE = """
mutation($i: DelegateInput!, $k: String) {
  delegate(input: $i, idempotencyKey: $k) {
    delegation { id state roles customerIds giver { id } taker { id } }
    errors { code message path }
  }
}
"""
END = "mutation($id: ID!) { endDelegation(id: $id) { delegation { state } errors { code } } }"
LIST = """
query($f: DelegationFilter) { delegations(filter: $f) { edges { node { id state } } } }
"""
EXPLAIN = """
query($u: ID!, $o: String!, $a: String! = "read") {
  explainAccess(userId: $u, object: $o, action: $a) {
    allowed outcome until rules { rolePath delegatedBy decides }
  }
}
"""


def in_(**span: float) -> str:
    return (datetime.now(UTC) + timedelta(**span)).isoformat()


@pytest.fixture(autouse=True)
def nothing_lent(house: House) -> None:
    house.one("UPDATE delegation SET ended_at = now() WHERE ended_at IS NULL RETURNING 1")


def lent(house: House, giver: str, taker: str, **more: Any) -> str:
    wanted = {"takerId": house.user(taker), "until": in_(days=7)} | more
    done = house.as_(giver).data(DELEGATE, i=wanted)
    assert done["errors"] == []
    return str(done["delegation"]["id"])


def may(house: House, who: str, object: str, action: str) -> bool:
    return compile_rules(house.snapshot(), UUID(house.user(who))).may(object, action)


def test_lends_the_work_and_no_more_than_the_giver_has(house: House) -> None:
    assert not may(house, "auditor", "Customer", "update")

    id = lent(house, "seller", "auditor")

    assert may(house, "auditor", "Customer", "update")
    assert not may(house, "auditor", "Customer", "merge")
    assert may(house, "auditor", "AuditEvent", "read")
    house.as_("auditor").data(END, id=id)
    assert not may(house, "auditor", "Customer", "update")


def test_an_administrator_lends_no_administration(house: House) -> None:
    lent(house, "admin", "seller")

    assert may(house, "seller", "Customer", "merge")
    for object in ("Rule", "Role", "User", "Department", "ApiClient", "AuditEvent", "Project"):
        assert not may(house, "seller", object, "create" if object == "ApiClient" else "update")
    assert not may(house, "seller", "Rule", "read")


def test_what_is_lent_is_not_lent_on(house: House) -> None:
    lent(house, "seller", "auditor")
    lent(house, "auditor", "lead")

    permissions = compile_rules(house.snapshot(), UUID(house.user("lead")))

    assert [giver.user_id for giver in permissions.givers] == [UUID(house.user("auditor"))]
    assert not permissions.givers[0].may("Customer", "read")


def test_begins_and_ends_by_itself(house: House) -> None:
    lent(house, "seller", "auditor", since=in_(days=1), until=in_(days=2))
    snapshot, auditor = house.snapshot(), UUID(house.user("auditor"))
    now = datetime.now(UTC).timestamp()

    days = [
        compile_rules(snapshot, auditor, now=now + 86_400 * days).may("Customer", "read")
        for days in (0, 1.5, 2.5)
    ]

    assert days == [False, True, False]
    assert house.as_("seller").data(LIST, f={"openOnly": True})["edges"][0]["node"]["state"] == (
        "PLANNED"
    )


def test_lends_certain_roles_and_customers(house: House) -> None:
    customer = str(uuid4())

    lent(house, "lead", "auditor", roles=["sales_lead"], customerIds=[customer])

    [one] = house.snapshot().delegations
    assert (one.roles, one.only) == (("sales_lead",), frozenset({UUID(customer)}))


def test_tells_by_whose_delegation(house: House) -> None:
    lent(house, "seller", "auditor")
    house.follow()

    said = house.as_("admin").data(EXPLAIN, u=house.user("auditor"), o="Customer")
    found = house.as_("admin").data(
        '{ whoCanAccess(object: "Customer", action: "create", first: 100) '
        "{ edges { node { user { id } explanation { rules { delegatedBy } } } } } }"
    )

    assert said["allowed"]
    assert said["until"] is not None
    assert said["rules"][0]["delegatedBy"] == house.user("seller")
    assert said["rules"][0]["rolePath"] == [f"by delegation of {house.user('seller')}", "sales"]
    of = {edge["node"]["user"]["id"]: edge["node"]["explanation"] for edge in found["edges"]}
    assert of[house.user("auditor")]["rules"][0]["delegatedBy"] == house.user("seller")


@pytest.mark.parametrize(
    ("wrong", "code", "path"),
    [
        ({"takerId": "seller"}, "BAD_INPUT", ["takerId"]),
        ({"takerId": "sync"}, "BAD_INPUT", ["takerId"]),
        ({"giverId": "admin"}, "FORBIDDEN", ["giverId"]),
        ({"until": "2020-01-01T00:00:00Z"}, "BAD_INPUT", ["until"]),
        ({"since": "2020-01-01T00:00:00Z"}, "BAD_INPUT", ["since"]),
        ({"roles": ["administrator"]}, "BAD_INPUT", ["roles"]),
        ({"roles": []}, "BAD_INPUT", ["roles"]),
        ({"customerIds": []}, "BAD_INPUT", ["customerIds"]),
    ],
)
def test_refuses_a_wrong_delegation(
    house: House, wrong: dict[str, Any], code: str, path: list[str]
) -> None:
    before = house.version()
    wrong = {
        name: house.user(value) if name.endswith("rId") else value for name, value in wrong.items()
    }
    right = {"takerId": house.user("auditor"), "until": in_(days=1)}

    refused = house.as_("seller").data(DELEGATE, i=right | wrong)

    assert (refused["errors"][0]["code"], refused["errors"][0]["path"]) == (code, path)
    assert house.version() == before


def test_an_administrator_hands_on_the_work_of_somebody_who_is_ill(house: House) -> None:
    wanted = {
        "giverId": house.user("seller"),
        "takerId": house.user("lead"),
        "until": in_(days=1),
    }

    done = house.as_("admin").data(DELEGATE, i=wanted, k="ill")
    again = house.as_("admin").data(DELEGATE, i=wanted, k="ill")
    twin = house.as_("admin").data(DELEGATE, i=wanted)

    assert again == done
    assert twin["errors"][0]["code"] == "CONFLICT"
    assert house.one("SELECT count(*) FROM delegation WHERE ended_at IS NULL") == 1


def test_is_seen_and_ended_by_whom_it_concerns(house: House) -> None:
    id = lent(house, "seller", "auditor")
    new = {"username": "beside", "displayName": "Beside", "password": PASSWORD, "roles": ["sales"]}
    house.as_("admin").data(
        "mutation($i: CreateUserInput!) { createUser(input: $i) { errors { code } } }", i=new
    )
    house.follow()

    beside = house.as_("beside")
    assert beside.data(LIST)["edges"] == []
    assert beside.data(END, id=id)["errors"][0]["code"] == "NOT_FOUND"
    mine = house.as_("auditor").data(LIST, f={"openOnly": True})
    assert [edge["node"]["id"] for edge in mine["edges"]] == [id]
    assert house.as_("seller").data(END, id=id)["delegation"]["state"] == "OVER"
