"""What a changeset would do on live data: counted, then compared with what really happens."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
import redis

from chassis.policy import feed
from chassis.policy.rules import Rule, casbin_line
from tests.customers.making import AUDITOR, LEAD, READER, REP, STEWARD, STRANGER, a_policy
from tests.customers.pool.api.test_access import EVERYBODY, scattered
from tests.customers.serving import Pool, pool
from tests.support.waiting import PATIENCE

__all__ = ["pool"]

REACH = """
query($r: [_Any!]!, $n: Int! = 10, $a: String) {
  _entities(representations: $r) { ... on Changeset { customerReach(first: $n, after: $a) {
    edges { node { user { id } gained lost cleared masked } } pageInfo { hasNextPage endCursor }
  } } }
}
"""
CLEAR = """{ customers(first: 100) { edges { node { id phone { visibility } email { visibility }
  unifiedSocialCreditCode { visibility } } } } }"""
LIST = "{ customers(first: 100) { edges { node { id } } } }"
CHANGES: tuple[tuple[list[Rule], list[Rule]], ...] = (
    ([Rule("role:reader", "Customer", "read", "own")], [Rule("role:reader", "Customer", "read")]),
    ([Rule(f"user:{STRANGER}", "Customer", "read", "pool+subtree")], []),
    ([Rule("role:lead", "*", "read", effect="deny")], []),
    ([], [Rule("role:rep", "Customer", "read", "pool")]),
    ([Rule("role:rep", "Customer", "*", "department")], []),
    (
        [Rule("role:reader", "Contact.mobile", "read", "subtree+pool")],
        [Rule("role:reader", "Contact.mobile", "read", "all", "mask:first3last4")],
    ),
    (
        [Rule("role:lead", "Contact.email", "read")],
        [Rule("role:rep", "Contact.email", "read", "own+collaborating")],
    ),
)


def a_reference(adds: list[Rule], removes: list[Rule]) -> list[Any]:
    lines = {
        name: [", ".join(casbin_line(rule)) for rule in rules]
        for name, rules in (("adds", adds), ("removes", removes))
    }
    return [{"__typename": "Changeset", "id": str(UUID(int=1))} | lines]


def reach(pool: Pool, adds: list[Rule], removes: list[Rule], **page: Any) -> Any:
    data = pool.ask(AUDITOR, REACH, r=a_reference(adds, removes), **page)
    return data["_entities"][0]["customerReach"]


def seen(pool: Pool, user: UUID) -> set[str]:
    """The customers in this person's own list."""
    answer = pool.post(user, LIST)
    edges = answer["data"]["customers"]["edges"] if "errors" not in answer else []
    return {edge["node"]["id"] for edge in edges}


def in_clear(pool: Pool, user: UUID) -> set[tuple[str, str]]:
    """The customers and their fields that this person's own list shows in clear."""
    answer = pool.post(user, CLEAR)
    edges = answer["data"]["customers"]["edges"] if "errors" not in answer else []
    return {
        (edge["node"]["id"], name)
        for edge in edges
        for name in ("phone", "email", "unifiedSocialCreditCode")
        if edge["node"][name]["visibility"] == "CLEAR"
    }


def publish(pool: Pool, version: int, rules: tuple[Rule, ...]) -> None:
    with redis.Redis.from_url(pool.settings.redis_url) as client:
        client.set(feed.SNAPSHOT, replace(a_policy(version), rules=rules).to_json())
        client.set(feed.VERSION, version)
        client.publish(feed.CHANNEL, str(version))
    until = time.monotonic() + PATIENCE
    while pool.http.get(f"{pool.url}/readyz", timeout=5).json()["policy"] != version:
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.parametrize(("adds", "removes"), CHANGES)
def test_counts_what_everybody_then_gains_and_loses(
    pool: Pool, adds: list[Rule], removes: list[Rule]
) -> None:
    scattered(pool)
    before = {user: seen(pool, user) for user in EVERYBODY}
    clear = {user: in_clear(pool, user) for user in EVERYBODY}
    said = {
        node["user"]["id"]: tuple(node[name] for name in ("gained", "lost", "cleared", "masked"))
        for node in (edge["node"] for edge in reach(pool, adds, removes)["edges"])
    }

    kept = tuple(rule for rule in a_policy().rules if rule not in removes)
    publish(pool, 2, (*kept, *adds))

    after = {user: seen(pool, user) for user in EVERYBODY}
    real = {
        str(user): (
            len(after[user] - before[user]),
            len(before[user] - after[user]),
            len({id for id, _ in in_clear(pool, user) - clear[user]}),
            len({id for id, _ in clear[user] - in_clear(pool, user)}),
        )
        for user in EVERYBODY
    }
    assert {user: moved for user, moved in said.items() if any(moved)} == {
        user: moved for user, moved in real.items() if any(moved)
    }
    assert any(any(moved) for moved in said.values())


def test_is_read_page_by_page(pool: Pool) -> None:
    adds = [Rule(f"role:{role}", "Customer", "read", "pool") for role in ("lead", "auditor")]
    adds.append(Rule(f"user:{STRANGER}", "Customer", "read"))

    first = reach(pool, adds, [], n=2)
    second = reach(pool, adds, [], n=2, a=first["pageInfo"]["endCursor"])

    people = [edge["node"]["user"]["id"] for page in (first, second) for edge in page["edges"]]
    assert people == sorted(map(str, (LEAD, STRANGER, AUDITOR)))
    assert second["pageInfo"]["hasNextPage"] is False


def test_takes_the_right_to_read_the_policy_and_lines_that_are_rules(pool: Pool) -> None:
    good = a_reference([Rule("role:rep", "Customer", "read")], [])
    lines = [
        ["p, role:rep, Customer, read, moon, clear, allow"],
        ["p, role:rep, Customer, read, all, naked, allow"],
        ["g, user:1, role:rep"],
        [1],
        ["p, a, b, c, all, clear, allow"] * 1001,
    ]

    for user in (STEWARD, REP, READER):
        assert pool.code(user, REACH, r=good) == "FORBIDDEN"
    for wrong in lines:
        assert pool.code(AUDITOR, REACH, r=[good[0] | {"adds": wrong}]) == "BAD_INPUT"
    without = {name: value for name, value in good[0].items() if name != "removes"}
    assert pool.code(AUDITOR, REACH, r=[without]) == "BAD_INPUT"
