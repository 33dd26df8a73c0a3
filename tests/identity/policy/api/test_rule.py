"""Editing the policy: what is accepted, what is refused, and what is written with it."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from chassis.policy.rules import Rule
from identity.policy.domain.starter import ROLES
from tests.identity.conftest import PASSWORD, Client, House

ADD = """
mutation($i: RuleInput!, $v: Int!, $k: String) {
  addRule(input: $i, expectedVersion: $v, idempotencyKey: $k) {
    rule { id subject object action rows redaction effect }
    policyVersion errors { code message path conflictVersion }
  }
}
"""
UPDATE = """
mutation($id: ID!, $i: RuleInput!, $v: Int!) {
  updateRule(id: $id, input: $i, expectedVersion: $v) {
    rule { id rows } policyVersion errors { code message path }
  }
}
"""
REMOVE = """
mutation($id: ID!, $v: Int!) {
  removeRule(id: $id, expectedVersion: $v) {
    rule { id } policyVersion errors { code message path }
  }
}
"""
RULES = """
query($f: RuleFilter, $a: String, $n: Int! = 20) {
  rules(filter: $f, after: $a, first: $n) {
    edges { node { id subject object action rows } } pageInfo { endCursor hasNextPage }
  }
}
"""


def add(house: House, **fields: Any) -> Any:
    return house.as_("admin").data(ADD, i=fields, v=house.version())


def unchanged(house: House) -> tuple[int, int, int]:
    """What a refusal must leave as it was."""
    return (
        house.version(),
        house.one("SELECT count(*) FROM rule"),
        house.one("SELECT count(*) FROM outbox WHERE name = 'identity.policy.changed'"),
    )


def test_adds_a_rule_with_its_version_fact_and_audit_event(house: House) -> None:
    before = house.version()

    added = add(house, subject="role:sre", object="Customer", action="read", rows="pool+own")

    assert added["errors"] == []
    assert added["policyVersion"] == before + 1 == house.version()
    assert added["rule"] == {
        "id": added["rule"]["id"],
        "subject": "role:sre",
        "object": "Customer",
        "action": "read",
        "rows": "own+pool",
        "redaction": "clear",
        "effect": "allow",
    }
    fact = (
        "SELECT body FROM outbox WHERE name = 'identity.policy.changed' "
        "ORDER BY position DESC LIMIT 1"
    )
    assert house.one(fact) == {"version": before + 1, "what": "rule"}
    event = house.one(
        "SELECT body FROM outbox WHERE name = 'audit.event.recorded' AND subject = %(id)s",
        id=added["rule"]["id"],
    )
    assert (event["actor"], event["action"], event["policy_version"]) == (
        house.user("admin"),
        "create",
        before + 1,
    )
    assert event["changes"] == {"rule": [None, "role:sre, Customer, read, own+pool, clear, allow"]}


def test_is_in_force_within_a_second(house: House) -> None:
    client = house.as_("auditor")
    id = add(house, subject="role:auditor", object="Rule", action="read", effect="deny")["rule"][
        "id"
    ]

    denied_after = house.follow()
    denied = client.code("{ policyVersion }")
    house.as_("admin").data(REMOVE, id=id, v=house.version())
    allowed_after = house.follow()

    assert denied == "FORBIDDEN"
    assert client.data("{ policyVersion }") == house.version()
    assert max(denied_after, allowed_after) < 1


@pytest.mark.parametrize(
    ("wrong", "path", "names"),
    [
        ({"object": "Customer.shoeSize"}, "object", "Customer, "),
        ({"action": "burn"}, "action", "read, create, update"),
        ({"rows": "own+galaxy"}, "rows", "own, collaborating"),
        ({"object": "Rule", "rows": "own"}, "rows", "all"),
        ({"redaction": "mask:full"}, "redaction", "clear"),
        ({"object": "Contact.mobile", "redaction": "mask:half"}, "redaction", "mask:first3last4"),
        ({"effect": "perhaps"}, "effect", "allow, deny"),
        ({"effect": "deny", "rows": "own"}, "effect", "rows all"),
        ({"subject": "role:pirate"}, "subject", "administrator"),
        ({"subject": "sales"}, "subject", "role:<name"),
        ({"subject": "user:somebody"}, "subject", "user:<id"),
        ({"subject": f"user:{uuid4()}"}, "subject", "does not exist"),
    ],
)
def test_refuses_what_no_service_would_ask_for(
    house: House, wrong: dict[str, str], path: str, names: str
) -> None:
    before = unchanged(house)

    refused = add(
        house, **({"subject": "role:sales", "object": "Customer", "action": "read"} | wrong)
    )

    error = refused["errors"][0]
    assert (error["code"], error["path"]) == ("BAD_INPUT", [path])
    assert names in error["message"]
    assert refused["rule"] is None
    assert unchanged(house) == before


def test_refuses_a_change_thought_out_for_another_version(house: House) -> None:
    before = unchanged(house)
    rule = {"subject": "role:sales", "object": "Customer", "action": "merge"}

    refused = house.as_("admin").data(ADD, i=rule, v=house.version() - 1)

    error = refused["errors"][0]
    assert (error["code"], error["conflictVersion"]) == ("CONFLICT", house.version())
    assert unchanged(house) == before


def test_refuses_the_same_rule_twice(house: House) -> None:
    rule = {"subject": "role:service", "object": "Customer", "action": "update"}
    add(house, **rule)
    before = unchanged(house)

    refused = add(house, **rule)

    assert refused["errors"][0]["code"] == "CONFLICT"
    assert unchanged(house) == before


def test_a_repeat_with_its_key_is_answered_and_not_done_again(house: House) -> None:
    rule = {"subject": "role:service", "object": "Customer", "action": "create"}
    asked = {"i": rule, "v": house.version(), "k": "once"}

    first = house.as_("admin").data(ADD, **asked)
    again = house.as_("admin").data(ADD, **asked)

    assert first["errors"] == []
    assert again == first
    assert house.version() == first["policyVersion"]


def test_lets_a_rule_say_something_else(house: House) -> None:
    id = add(house, subject="role:sre", object="Contact", action="read", rows="own")["rule"]["id"]
    wanted = {"subject": "role:sre", "object": "Contact", "action": "read", "rows": "pool"}
    before = house.version()

    updated = house.as_("admin").data(UPDATE, id=id, i=wanted, v=before)
    same = house.as_("admin").data(UPDATE, id=id, i=wanted, v=before + 1)

    assert updated == {
        "rule": {"id": id, "rows": "pool"},
        "policyVersion": before + 1,
        "errors": [],
    }
    assert same["policyVersion"] == house.version() == before + 1


def test_strikes_a_rule_out(house: House) -> None:
    id = add(house, subject="role:sre", object="Tag", action="read")["rule"]["id"]

    removed = house.as_("admin").data(REMOVE, id=id, v=house.version())
    again = house.as_("admin").data(REMOVE, id=id, v=house.version())

    assert (removed["rule"], removed["errors"]) == (None, [])
    assert again["errors"][0]["code"] == "NOT_FOUND"
    assert house.one("SELECT count(*) FROM rule WHERE id = %(id)s", id=id) == 0


def test_nobody_removes_the_last_way_back(house: House) -> None:
    everything = house.one(
        "SELECT id FROM rule WHERE subject = 'role:administrator' AND object = '*'"
    )
    before = unchanged(house)
    ways_out: list[tuple[str, dict[str, Any]]] = [
        (REMOVE, {"id": str(everything), "v": house.version()}),
        (
            UPDATE,
            {
                "id": str(everything),
                "i": {"subject": "role:administrator", "object": "*", "action": "read"},
                "v": house.version(),
            },
        ),
        (
            ADD,
            {
                "i": {
                    "subject": "role:colleague",
                    "object": "Rule",
                    "action": "update",
                    "effect": "deny",
                },
                "v": house.version(),
            },
        ),
    ]

    for mutation, asked in ways_out:
        refused = house.as_("admin").data(mutation, **asked)
        assert refused["errors"][0]["code"] == "BAD_INPUT"
        assert "no person who can sign in" in refused["errors"][0]["message"]

    assert unchanged(house) == before


def test_an_administrator_may_go_when_another_stays(house: House) -> None:
    id = house.as_("admin").data(
        'mutation($p: String!) { createUser(input: {username: "second", displayName: "Second", '
        'roles: ["administrator"], password: $p}) { user { id } errors { code } } }',
        p=PASSWORD,
    )["user"]["id"]
    house.follow()
    rule = add(
        house, subject=f"user:{house.user('admin')}", object="Rule", action="update", effect="deny"
    )
    house.follow()
    second = Client(house.url, house.nobody().sign_in("second")["accessToken"])

    assert rule["errors"] == []
    assert house.as_("admin").code(REMOVE, id=rule["rule"]["id"], v=1) == "FORBIDDEN"
    back = second.data(REMOVE, id=rule["rule"]["id"], v=house.version())
    house.follow()
    assert back["errors"] == []
    assert house.one("SELECT status FROM user_account WHERE id = %(id)s", id=id) == "active"


@pytest.mark.parametrize("who", ["seller", "lead", "auditor"])
def test_only_who_may_update_rules_changes_them(house: House, who: str) -> None:
    before = unchanged(house)
    rule = {"subject": "role:sales", "object": "*", "action": "*"}

    assert house.as_(who).code(ADD, i=rule, v=house.version()) == "FORBIDDEN"
    assert unchanged(house) == before


def steward_rules(object: str) -> list[Rule]:
    """What the starter policy lets a data steward do to it."""
    [role] = [role for role in ROLES if role.name == "data_steward"]
    return [rule for rule in role.rules() if rule.object == object]


def test_shows_rules_page_by_page_and_by_subject(house: House) -> None:
    auditor = house.as_("auditor")
    seen: list[str] = []
    after = None
    while True:
        page = auditor.data(RULES, n=25, a=after)
        seen += [edge["node"]["id"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    steward = auditor.data(RULES, f={"subject": "role:data_steward", "object": "Customer"})

    assert len(seen) == len(set(seen)) == house.one("SELECT count(*) FROM rule")
    actions = {edge["node"]["action"] for edge in steward["edges"]}
    assert actions == {rule.action for rule in steward_rules("Customer")}
    assert house.as_("seller").code(RULES) == "FORBIDDEN"


def test_shows_the_rulebook(house: House) -> None:
    book = house.as_("admin").data("{ rulebook { object actions rows redactions } }")

    mobile = next(entry for entry in book if entry["object"] == "Contact.mobile")
    assert mobile["actions"] == ["read"]
    assert "mask:first3last4" in mobile["redactions"]
    assert "subtree" in mobile["rows"]
