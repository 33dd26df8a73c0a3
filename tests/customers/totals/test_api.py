"""Customers counted by group, for those who may count more than they may read."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from chassis.policy import feed
from chassis.policy.rules import Rule, Snapshot
from tests.customers.making import LEAD, OTHER_REP, READER, REP, STEWARD
from tests.customers.pool.api.test_pool import absorb
from tests.customers.serving import Pool, pool

__all__ = ["pool"]

TOTALS = """query($by: CustomerDimension!, $filter: CustomerTotalsFilter) {
  customerTotals(by: $by, filter: $filter) { count exact moreGroups groups {
    key count exact owner { id } department { id } tag { name } } } }"""


@pytest.fixture
def counted(pool: Pool) -> Pool:
    """Reps may count everything and read their own."""
    with redis.Redis.from_url(pool.settings.redis_url) as store:
        said = Snapshot.from_json(store.get(feed.SNAPSHOT))
        both = [Rule(f"role:{role}", "Customer", "total") for role in ("rep", "steward")]
        more = Snapshot(
            said.version + 1, (*said.rules, *both), said.roles, said.users, said.departments
        )
        store.set(feed.SNAPSHOT, more.to_json())
        store.set(feed.VERSION, more.version)
    for _ in range(200):
        if pool.post(REP, TOTALS, by="KIND").get("data"):
            return pool
    raise AssertionError("the policy did not arrive")


def regions(pool: Pool, owner: Any, **wanted: int) -> None:
    records = [
        {"externalId": f"{region}-{n}", "fields": {"name": f"{region}{n}", "region": region}}
        for region, count in wanted.items()
        for n in range(count)
    ]
    for outcome in absorb(pool, *records, system=f"of-{owner}"):
        pool.assign(outcome["customerId"], owner)


def shown(pool: Pool, user: Any, by: str = "REGION", **filter: Any) -> Any:
    found = pool.ask(user, TOTALS, by=by, filter=filter or None)["customerTotals"]
    groups = [(one["key"], one["count"], one["exact"]) for one in found["groups"]]
    return (found["count"], found["exact"]), groups


def test_small_groups_of_others_are_neither_told_nor_left_over(counted: Pool) -> None:
    regions(counted, OTHER_REP, 北京=7, 上海=4, 广州=1)
    regions(counted, REP, 上海=2)

    whole, groups = shown(counted, REP)

    assert groups == [("北京", 5, False), ("上海", 2, False)]
    assert whole == (12, False)  # two of one's own, and ten of the twelve others
    assert shown(counted, STEWARD) == (
        (14, True),
        [("北京", 7, True), ("上海", 6, True), ("广州", 1, True)],
    )


def test_a_condition_cannot_count_one_out(counted: Pool) -> None:
    regions(counted, OTHER_REP, 北京=5, 上海=1)

    assert shown(counted, REP, region=["上海"]) == ((0, False), [])
    assert shown(counted, REP, region=["北京", "上海"])[0] == (5, False)
    names = '{ __type(name: "CustomerTotalsFilter") { inputFields { name } } }'
    fields = {one["name"] for one in counted.ask(REP, names)["__type"]["inputFields"]}
    assert fields == {"kind", "lifecycle", "departmentId", "region", "industry"}


def test_groups_of_owners_departments_and_tags_lead_on(counted: Pool) -> None:
    [made] = absorb(counted, {"fields": {"name": "甲"}, "tags": ["重点"]})
    counted.assign(made["customerId"], REP)

    found = {
        by: counted.ask(REP, TOTALS, by=by)["customerTotals"]["groups"]
        for by in ("OWNER", "DEPARTMENT", "TAG", "KIND", "LIFECYCLE", "INDUSTRY")
    }

    assert found["OWNER"][0]["owner"] == {"id": str(REP)}
    assert found["DEPARTMENT"][0]["department"]["id"] == found["DEPARTMENT"][0]["key"]
    assert found["TAG"][0]["tag"] == {"name": "重点"}
    assert found["KIND"] == [
        {
            "key": "ORGANIZATION",
            "count": 1,
            "exact": True,
            "owner": None,
            "department": None,
            "tag": None,
        }
    ]
    assert [one["key"] for one in found["INDUSTRY"]] == [None]


def test_counting_takes_a_right(counted: Pool) -> None:
    for user in (READER, LEAD):
        assert counted.code(user, TOTALS, by="KIND") == "FORBIDDEN"
