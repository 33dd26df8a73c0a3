"""Other subgraphs refer to users and departments; the answers come in order, by one query each."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from tests.identity.conftest import House

ENTITIES = """
query($r: [_Any!]!) {
  _entities(representations: $r) {
    __typename
    ... on User { id displayName roles { name } department { name path { name } } }
    ... on Department { id name }
  }
}
"""
ADD = (
    "mutation($i: RuleInput!, $v: Int!) { addRule(input: $i, expectedVersion: $v) { rule { id } } }"
)
REMOVE = (
    "mutation($id: ID!, $v: Int!) { removeRule(id: $id, expectedVersion: $v) { policyVersion } }"
)


@contextmanager
def statements() -> Iterator[list[str]]:
    """The SELECTs of our tables that are sent meanwhile, by any engine of this process."""
    sent: list[str] = []

    def note(_c: Any, _k: Any, statement: str, *_: Any) -> None:
        ours = ("FROM user_account", "FROM department", "FROM role")
        if statement.startswith("SELECT") and any(table in statement for table in ours):
            sent.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def users(*ids: str) -> list[dict[str, str]]:
    return [{"__typename": "User", "id": id} for id in ids]


def test_answers_in_the_order_of_the_question_with_gaps(house: House) -> None:
    asked = [
        *users(house.user("lead"), str(uuid4()), house.user("seller"), house.user("lead")),
        {"__typename": "Department", "id": house.department("Sales", "East")},
        {"__typename": "Department", "id": str(uuid4())},
    ]

    found = house.as_("seller").data(ENTITIES, r=asked)

    assert [one and (one.get("displayName") or one.get("name")) for one in found] == [
        "Lin Lead",
        None,
        "Sun Seller",
        "Lin Lead",
        "East",
        None,
    ]
    assert [step["name"] for step in found[2]["department"]["path"]] == ["Sales", "East", "One"]


@pytest.mark.parametrize("times", [1, 40])
def test_costs_the_same_queries_however_many(house: House, times: int) -> None:
    client = house.as_("seller")
    asked = users(*[house.user(name) for name in ("lead", "seller", "admin", "sync")] * times)
    client.data(ENTITIES, r=asked)

    with statements() as sent:
        client.data(ENTITIES, r=asked)

    logging.getLogger(__name__).info("%s", sent)
    # users; their roles; their departments; the ways to those.
    assert len(sent) == 4


def test_an_entity_needs_a_right_and_a_person(house: House) -> None:
    asked = users(house.user("lead"))
    only_id = "query($r: [_Any!]!) { _entities(representations: $r) { ... on User { id } } }"

    assert house.nobody().code(ENTITIES, r=asked) == "UNAUTHENTICATED"
    assert house.nobody().code(only_id, r=asked) == "UNAUTHENTICATED"
    assert house.as_("seller").code(ENTITIES, r=users("not-an-id")) == "BAD_INPUT"


def test_row_scopes_and_denials_hold_for_entities(house: House) -> None:
    admin, seller = house.as_("admin"), house.as_("seller")
    asked = users(house.user("seller"), house.user("lead"), house.user("auditor"))
    name = "query($r: [_Any!]!) { _entities(representations: $r) { ... on User { displayName } } }"
    only_id = "query($r: [_Any!]!) { _entities(representations: $r) { ... on User { id } } }"
    listed = "{ users(first: 100) { edges { node { displayName } } } }"

    def narrowed(**rule: str) -> str:
        id: str = admin.data(ADD, i=rule, v=house.version())["rule"]["id"]
        house.follow()
        return id

    everybody = house.one(
        "SELECT id::text FROM rule WHERE subject = 'role:colleague' AND object = 'User'"
    )
    admin.data(REMOVE, id=everybody, v=house.version())
    own = narrowed(subject="role:sales", object="User", action="read", rows="own")
    mine, mine_listed = seller.data(name, r=asked), seller.data(listed)
    denied = narrowed(subject="role:sales", object="User", action="read", effect="deny")
    refused = seller.code(name, r=asked)
    refused_id = seller.code(only_id, r=asked)
    for id in (own, denied):
        admin.data(REMOVE, id=id, v=house.version())
    narrowed(subject="role:colleague", object="User", action="read")

    assert mine == [{"displayName": "Sun Seller"}, None, None]
    assert mine_listed == {"edges": [{"node": {"displayName": "Sun Seller"}}]}
    assert (refused, refused_id) == ("FORBIDDEN", "FORBIDDEN")
    assert seller.data(name, r=asked)[1] == {"displayName": "Lin Lead"}
