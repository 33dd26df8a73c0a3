"""Customers of a project: shared with who is on it, for as long as both last."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any
from uuid import UUID

import redis
import requests
from sqlalchemy import text

from chassis.policy import feed
from chassis.policy.rules import Delegation, Emergency, Member, Rule, Snapshot
from tests.customers.making import LEAD, OTHER_REP, REP, STEWARD, STRANGER, a_policy
from tests.customers.serving import Pool, pool
from tests.support.waiting import wait_until

__all__ = ["pool"]

OURS, THEIRS = UUID(int=0xF0), UUID(int=0xF1)
ADD = """mutation($p: ID!, $c: [ID!]!) { addCustomersToProject(projectId: $p, customerIds: $c) {
  customers { id projects { id } } errors { code path } } }"""
REMOVE = """mutation($p: ID!, $c: [ID!]!) {
  removeCustomersFromProject(projectId: $p, customerIds: $c) {
  customers { id projects { id } } errors { code path } } }"""
LIST = """query($f: CustomerFilter, $n: Int! = 20, $a: String) { customers(filter: $f, first: $n,
  after: $a, sort: NAME_ASC) { totalCount edges { node { name } }
  pageInfo { hasNextPage endCursor } } }"""
CREATE = """mutation($s: CustomerSet!) { createCustomer(kind: ORGANIZATION, set: $s) {
  customer { id } errors { code message } } }"""


def publish(pool: Pool, snapshot: Snapshot) -> None:
    """Put another policy into force, and wait for it."""
    with redis.Redis.from_url(pool.settings.redis_url) as client:
        client.set(feed.SNAPSHOT, snapshot.to_json())
        client.set(feed.VERSION, snapshot.version)
    wait_until(
        lambda: requests.get(f"{pool.url}/readyz", timeout=5).json()["policy"] == snapshot.version
    )


def a_shared_policy(version: int = 2, *, until: float | None = None) -> Snapshot:
    """The rep and the stranger share a project; the stranger sees only what is shared."""
    ends = until or time.time() + 1e6
    base = a_policy(version)
    rules = (
        *base.rules,
        Rule("role:guest", "Customer", "read", "project+emergency"),
        Rule("role:guest", "Contact.mobile", "read", "emergency"),
    )
    users = {
        **base.users,
        REP: Member(base.users[REP].department, ("rep",), projects=((OURS, ends),)),
        STRANGER: Member(None, ("guest",), projects=((OURS, ends),)),
        LEAD: Member(None, ("rep",), projects=((THEIRS, ends),)),
    }
    return replace(base, rules=rules, users=users, delegable=frozenset({"Customer"}))


def customers(pool: Pool, owner: UUID, *names: str) -> list[str]:
    made = [pool.ask(owner, CREATE, s={"name": name})["createCustomer"] for name in names]
    assert all(one["errors"] == [] for one in made), made
    return [one["customer"]["id"] for one in made]


def seen(pool: Pool, user: UUID, **asked: Any) -> list[str]:
    found = pool.ask(user, LIST, **asked)["customers"]
    return [edge["node"]["name"] for edge in found["edges"]]


def test_is_seen_by_who_is_on_the_project_until_it_is_taken_out(pool: Pool) -> None:
    publish(pool, a_shared_policy())
    one, two, _ = customers(pool, REP, "甲方公司", "乙方公司", "丙方公司")
    assert seen(pool, STRANGER) == []

    added = pool.ask(REP, ADD, p=str(OURS), c=[one, two])["addCustomersToProject"]

    assert added["errors"] == []
    assert [c["projects"] for c in added["customers"]] == [[{"id": str(OURS)}]] * 2
    page = pool.ask(STRANGER, LIST, n=1)["customers"]
    rest = seen(pool, STRANGER, n=5, a=page["pageInfo"]["endCursor"])
    assert page["totalCount"] == 2
    assert len(rest) == 1
    assert sorted([page["edges"][0]["node"]["name"], *rest]) == ["乙方公司", "甲方公司"]
    assert len(seen(pool, STEWARD, f={"projectId": [str(OURS)]})) == 2
    assert seen(pool, OTHER_REP, f={"projectId": [str(OURS)]}) == []
    told = pool.db.read(
        lambda s: s.execute(
            text(
                "SELECT body->'access'->0->'projects' FROM outbox "
                "WHERE name = 'customers.customer.changed' "
                "ORDER BY position DESC LIMIT 1"
            )
        ).scalar_one()
    )
    assert told == [str(OURS)]

    pool.ask(REP, REMOVE, p=str(OURS), c=[one])

    assert len(seen(pool, STRANGER)) == 1


def test_ends_with_ones_part_in_the_project(pool: Pool) -> None:
    publish(pool, a_shared_policy())
    [one] = customers(pool, REP, "甲方公司")
    pool.ask(REP, ADD, p=str(OURS), c=[one])
    assert seen(pool, STRANGER) == ["甲方公司"]

    publish(pool, a_shared_policy(3, until=time.time() + 1.5))

    wait_until(lambda: seen(pool, STRANGER) == [])
    assert seen(pool, REP) == ["甲方公司"]


def test_takes_all_customers_or_none_and_only_into_ones_own_projects(pool: Pool) -> None:
    publish(pool, a_shared_policy())
    [mine], [other] = customers(pool, REP, "甲方公司"), customers(pool, OTHER_REP, "乙方公司")

    foreign = pool.ask(REP, ADD, p=str(THEIRS), c=[mine])["addCustomersToProject"]["errors"]
    partly = pool.ask(REP, ADD, p=str(OURS), c=[mine, other])["addCustomersToProject"]["errors"]
    none = pool.ask(REP, ADD, p=str(OURS), c=[])["addCustomersToProject"]["errors"]

    assert [one["code"] for one in (*foreign, *partly, *none)] == [
        "FORBIDDEN",
        "NOT_FOUND",
        "BAD_INPUT",
    ]
    assert seen(pool, STEWARD, f={"projectId": [str(OURS), str(THEIRS)]}) == []


def test_reaches_one_customer_in_an_emergency_until_it_ends(pool: Pool) -> None:
    publish(pool, a_shared_policy())
    one, _ = customers(pool, REP, "甲方公司", "乙方公司")
    base = a_shared_policy(3)
    taken = Emergency(STRANGER, UUID(one), time.time() + 2)

    publish(pool, replace(base, emergencies=(taken,)))

    assert seen(pool, STRANGER) == ["甲方公司"]
    wait_until(lambda: seen(pool, STRANGER) == [])


def test_stands_in_for_somebody_and_says_so_in_the_ledger(pool: Pool) -> None:
    publish(pool, a_shared_policy())
    one, _ = customers(pool, REP, "甲方公司", "乙方公司")
    lent = Delegation(REP, OTHER_REP, 0.0, time.time() + 1e6, only=frozenset({UUID(one)}))

    publish(pool, replace(a_shared_policy(3), delegations=(lent,)))

    assert seen(pool, OTHER_REP) == ["甲方公司"]
    done = pool.ask(
        OTHER_REP,
        'mutation($c: ID!) { updateCustomer(id: $c, set: {industry: "软件"}) { errors { code } } }',
        c=one,
    )
    assert done["updateCustomer"]["errors"] == []
    event = pool.db.read(
        lambda s: s.execute(
            text(
                "SELECT body FROM outbox WHERE name = 'audit.event.recorded' AND subject = :id "
                "ORDER BY position DESC LIMIT 1"
            ),
            {"id": one},
        ).scalar_one()
    )
    assert event["actor"] == str(OTHER_REP)
    assert event["details"]["on_behalf_of"] == str(REP)
