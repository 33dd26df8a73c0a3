"""Asking a service itself gives the verdict of the gateway, and is refused where the gateway,
or a peer, did not sign: for every entity, every starter role, and every way to be without a
valid context."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

import pytest
import requests

from chassis.authentication import actor_context
from onebox.house import SERVICES
from tests.e2e.conftest import Running
from tests.e2e.planted import USERS, Planted

ENTITIES = [
    (service, name)
    for service in SERVICES
    for name in import_module(f"{service}.schema").schema._entity_keys
]
# How the same thing is asked for through the gateway; `$id` is its own,
# `$row` a planted customer's.
THROUGH = {
    "Changeset": "query ($id: ID!) { changeset(id: $id) { id } }",
    "Connector": "{ connectors { id } }",
    "Contact": (
        "query ($row: ID!) { customer(id: $row) { "
        "contacts(first: 100) { edges { node { id } } } } }"
    ),
    "Customer": "query ($id: ID!) { customer(id: $id) { id } }",
    "DeadLetter": "{ deadLetters(first: 100, state: null) { edges { node { id } } } }",
    "Department": "query ($id: ID!) { department(id: $id) { id } }",
    "FollowUp": "query ($id: ID!) { followUp(id: $id) { id } }",
    "Installation": "query ($id: ID!) { installation(id: $id) { id } }",
    "MatchCandidate": "{ matchCandidates(first: 100) { edges { node { id } } } }",
    "MergeEvent": "query ($row: ID!) { customer(id: $row) { mergedFrom { id } } }",
    "OffBoarding": "{ __typename }",
    "Project": "query ($id: ID!) { project(id: $id) { id } }",
    "SourceRecord": "query ($id: ID!) { sourceRecord(id: $id) { id } }",
    "SyncRun": "query ($id: ID!) { syncRun(id: $id) { id } }",
    "Tag": "{ tags { id } }",
    "Task": "query ($id: ID!) { task(id: $id) { id } }",
    "User": "query ($id: ID!) { user(id: $id) { id } }",
}
# These services only point at the entity, and say of it what its own rights let them.
STUBS = {
    ("activities", "Customer"): "openTasks",
    ("integrations", "Customer"): "syncState { status }",
    ("customers", "Changeset"): None,
    ("identity", "OffBoarding"): None,
    ("customers", "OffBoarding"): None,
    ("activities", "OffBoarding"): None,
}
ASK = "query ($r: [_Any!]!) {{ _entities(representations: $r) {{ ... on {name} {{ {leaf} }} }} }}"


@pytest.fixture(scope="module")
def things(planted: Planted) -> dict[str, tuple[str, str]]:
    """One of every entity: its id, and the customer it hangs on."""
    house, rows, ids = planted.house, planted.rows, planted.things
    own = rows["own"]

    def first(query: str, *path: Any) -> str:
        found = house.data(query, who="admin")
        for step in path:
            found = found[step]
        return str(found)

    one = ("edges", 0, "node", "id")
    draft = """mutation { createChangeset(title: "t", reason: "r", changes: [{ rule: { subject:
      "role:marketing", object: "Contact.mobile", action: "read", effect: "deny" } }]) {
      changeset { id } errors { code } } }"""
    project = """mutation { createProject(input: { name: "A nest" }) {
      project { id } errors { code } } }"""
    tagged = 'mutation ($id: ID!) { setTags(customerId: $id, names: ["雀"]) { errors { code } } }'
    assert house.data(tagged, {"id": own}, who="li.na")["setTags"]["errors"] == []
    return {
        "Changeset": (first(draft, "createChangeset", "changeset", "id"), own),
        "Connector": (first("{ connectors { id } }", "connectors", 0, "id"), own),
        "Contact": (planted.contacts[0], own),
        "Customer": (own, own),
        "DeadLetter": (first(THROUGH["DeadLetter"], "deadLetters", *one), own),
        "Department": (
            first("{ departments(first: 1) { edges { node { id } } } }", "departments", *one),
            own,
        ),
        "FollowUp": (ids["followUp"], own),
        "Installation": (ids["installation"], own),
        "MatchCandidate": (first(THROUGH["MatchCandidate"], "matchCandidates", *one), own),
        "MergeEvent": (ids["mergeEvent"], rows["survivor"]),
        "OffBoarding": (planted.users["li.na"], own),
        "Project": (first(project, "createProject", "project", "id"), own),
        "SourceRecord": (ids["sourceRecord"], rows["synced"]),
        "SyncRun": (ids["syncRun"], own),
        "Tag": (first("{ tags { id } }", "tags", 0, "id"), own),
        "Task": (ids["task"], own),
        "User": (planted.users["li.na"], own),
    }


def test_every_entity_takes_part() -> None:
    assert {name for _, name in ENTITIES} == set(THROUGH)


@pytest.mark.parametrize("user", USERS)
def test_a_service_says_what_the_gateway_says(
    planted: Planted, things: dict[str, tuple[str, str]], user: str
) -> None:
    house = planted.house
    for service, name in ENTITIES:
        id, row = things[name]
        leaf = STUBS.get((service, name), "__typename")
        if leaf is None:
            continue
        asked = {"r": [_reference(name, id)]}
        straight = house.ask(ASK.format(name=name, leaf=leaf), asked, who=user, at=service)
        through = house.ask(THROUGH[name], {"id": id, "row": row}, who=user)

        sees = id in json.dumps(through.get("data"))
        if (service, name) in STUBS:
            if not sees:  # the customer's own rows are counted by its own rights
                assert straight["data"] is None or _empty(straight["data"]), (
                    service,
                    name,
                    straight,
                )
            continue
        told = bool(straight.get("data")) and straight["data"]["_entities"][0] is not None
        assert told == sees, (service, name, straight, through)


def _reference(name: str, id: str) -> dict[str, str]:
    """Whatever its key is called; a service takes of it what it knows."""
    return {"__typename": name, "id": id, "userId": id, "user_id": id}


def _empty(data: Any) -> bool:
    [found] = data["_entities"]
    return found is None or found in (
        {"openTasks": 0},
        {"openTasks": None},
        {"syncState": None},
        {"syncState": {"status": "NEVER"}},
    )


def sent(house: Running, service: str, query: dict[str, Any], context: str | None) -> Any:
    headers = {
        "content-type": "application/json",
        "authorization": f"Bearer {house.sign_in('admin')}",
    }
    if context is not None:
        headers[actor_context.HEADER] = context
    body = json.dumps(query).encode()
    return requests.post(
        f"{house.url(service)}/graphql", data=body, headers=headers, timeout=30
    ).json()


@pytest.mark.parametrize(("service", "name"), ENTITIES)
def test_an_entity_is_refused_without_a_valid_context(
    planted: Planted, things: dict[str, tuple[str, str]], service: str, name: str
) -> None:
    house = planted.house
    secret, token = house.secrets["actor_secret"], f"Bearer {house.sign_in('admin')}"
    asked = {"r": [_reference(name, things[name][0])]}
    query = {"query": ASK.format(name=name, leaf="__typename"), "variables": asked}
    body = json.dumps(query).encode()
    others = [one for one in SERVICES if one != service]

    def context(**changes: Any) -> str:
        given = {"issuer": "gateway", "audience": service, "body": body, "authorization": token}
        return actor_context.sign(changes.pop("secret", secret), **(given | changes))

    bad = [
        None,
        "",
        "v1.e30.AAAA",
        context(seconds=-60),
        context(secret="x" * 40),
        context(body=body + b" "),
        context(authorization=f"Bearer {house.sign_in('li.na')}"),
        context(authorization=None),
        *(context(audience=one) for one in others),
    ]
    for one in bad:
        answer = sent(house, service, query, one)
        assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN", (one, answer)
        assert not answer.get("data")
    assert sent(house, service, query, context())["data"]["_entities"]


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    "query", ["{ __typename }", "{ _service { sdl } }", "mutation { __typename }"]
)
def test_nothing_else_is_answered_either(house: Running, service: str, query: str) -> None:
    answer = sent(house, service, {"query": query}, None)
    got = requests.get(f"{house.url(service)}/graphql", params={"query": query}, timeout=30).json()

    for one in (answer, got):
        assert one["errors"][0]["extensions"]["code"] == "FORBIDDEN"
        assert not one.get("data")
