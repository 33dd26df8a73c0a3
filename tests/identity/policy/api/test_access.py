"""Who may do what, from the policy alone: the verdict is that of the real request."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from chassis.policy.compiling import compile_rules
from identity.core.domain.rulebook import RULEBOOK
from tests.identity.conftest import House

EXPLAIN = """
query($u: ID!, $o: String!, $a: String! = "read", $f: String) {
  explainAccess(userId: $u, object: $o, action: $a, field: $f) {
    allowed outcome reason visibility policyVersion
    rules { subject object action rows redaction effect rolePath predicate decides
            conditions { rows holds } }
  }
}
"""
WHO = """
query($o: String!, $a: String! = "read", $f: String, $n: Int! = 100, $after: String) {
  whoCanAccess(object: $o, action: $a, field: $f, first: $n, after: $after) {
    edges { node { user { id } explanation { outcome rules { decides } } } }
    pageInfo { hasNextPage endCursor }
  }
}
"""
PEOPLE = ("admin", "lead", "seller", "auditor", "sync")


def explained(house: House, who: str, object: str, **more: Any) -> Any:
    return house.as_("admin").data(EXPLAIN, u=house.user(who), o=object, **more)


def test_explains_through_which_roles_a_rule_comes(house: House) -> None:
    said = explained(house, "lead", "Customer")

    assert (said["allowed"], said["outcome"]) == (True, "DEPENDS_ON_ROW")
    assert said["policyVersion"] == house.version()
    assert {tuple(rule["rolePath"]): rule["rows"] for rule in said["rules"]} == {
        ("sales_lead",): "subtree",
        ("sales_lead", "sales"): "own+collaborating+pool",
    }
    assert {c["holds"] for rule in said["rules"] for c in rule["conditions"]} == {None}


def test_agrees_with_the_compiled_table_about_everybody_and_everything(house: House) -> None:
    snapshot = house.snapshot()
    wrong = []
    for who in PEOPLE:
        permissions = compile_rules(snapshot, UUID(house.user(who)))
        for entry in RULEBOOK:
            if entry.sensitive:
                continue
            for action in entry.actions:
                said = explained(house, who, entry.object, a=action)
                if said["allowed"] != permissions.may(entry.object, action):
                    wrong.append((who, entry.object, action, said))

    assert wrong == []


@pytest.mark.parametrize("object", ["Customer", "Rule", "AuditEvent", "User"])
def test_finds_everybody_who_may(house: House, object: str) -> None:
    found: list[str] = []
    after = None
    while True:
        page = house.as_("auditor").data(WHO, o=object, n=2, after=after)
        found += [edge["node"]["user"]["id"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break

    may = {house.user(who) for who in PEOPLE if explained(house, who, object)["allowed"]}
    assert sorted(found) == sorted(may)
    assert len(may) > 1


def test_tells_how_open_a_field_is_and_by_which_rule(house: House) -> None:
    seller = explained(house, "seller", "Contact", f="Contact.mobile")
    sync = explained(house, "sync", "Contact", f="Contact.mobile")

    assert (seller["visibility"], seller["outcome"]) == ("CLEAR", "DEPENDS_ON_ROW")
    about_field = [r for r in seller["rules"] if r["object"] == "Contact.mobile"]
    assert [(r["redaction"], r["rows"]) for r in about_field] == [
        ("clear", "own"),
        ("mask:first3last4", "own+collaborating+pool"),
    ]
    assert (sync["allowed"], sync["outcome"], sync["visibility"]) == (False, "HIDDEN", "HIDDEN")


def test_a_denial_names_its_rule_and_an_absence_has_none(house: House) -> None:
    admin = house.as_("admin")
    rule = {"subject": "role:colleague", "object": "DeadLetter", "action": "read", "effect": "deny"}
    added = admin.data(
        "mutation($i: RuleInput!, $v: Int!) { addRule(input: $i, expectedVersion: $v) "
        "{ rule { id } } }",
        i=rule,
        v=house.version(),
    )["rule"]["id"]
    house.follow()

    denied = explained(house, "admin", "DeadLetter")
    absent = explained(house, "seller", "AuditEvent")
    nobody = admin.data(EXPLAIN, u=str(uuid4()), o="DeadLetter")
    admin.data(
        "mutation($id: ID!, $v: Int!) { removeRule(id: $id, expectedVersion: $v) "
        "{ errors { code } } }",
        id=added,
        v=house.version(),
    )
    house.follow()

    assert (denied["allowed"], denied["outcome"]) == (False, "DENY_RULE")
    [why] = denied["rules"]
    assert (why["effect"], why["rolePath"]) == ("deny", ["administrator", "colleague"])
    assert (absent["outcome"], absent["rules"]) == ("NO_RULE", [])
    assert nobody["outcome"] == "UNKNOWN_USER"
    assert explained(house, "admin", "DeadLetter")["outcome"] == "ALLOWED"


def test_takes_the_right_to_read_the_policy(house: House) -> None:
    assert house.as_("seller").code(EXPLAIN, u=house.user("seller"), o="User") == "FORBIDDEN"
    assert house.as_("lead").code(WHO, o="User") == "FORBIDDEN"


@pytest.mark.parametrize(
    "wrong",
    [
        {"o": "Ship"},
        {"o": "Contact.mobile"},
        {"o": "Rule", "a": "burn"},
        {"o": "Contact", "f": "Contact.shoe"},
        {"o": "Contact", "f": "Contact.mobile", "a": "update"},
    ],
)
def test_a_question_nobody_asks_is_no_verdict(house: House, wrong: dict[str, str]) -> None:
    admin = house.as_("admin")

    assert admin.code(EXPLAIN, u=house.user("seller"), **wrong) == "BAD_INPUT"
    assert admin.code(WHO, **wrong) == "BAD_INPUT"
