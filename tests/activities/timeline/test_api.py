"""The timeline of customers through `_entities`, as the gateway asks for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from activities.core.domain.ids import CustomerId, UserId
from activities.customers.commands import project
from activities.follow_ups.commands import FollowUpRequest, log_follow_up
from activities.follow_ups.domain import Channel
from activities.tasks.commands import complete_task, create_task
from chassis.db import SyncDatabase
from tests.activities.conftest import ACME, BOHAI, an_access
from tests.activities.people import AUDITOR, LIN, READER, STRANGER, WANG, scope
from tests.activities.subgraph import Subgraph

NOW = datetime(2026, 5, 4, 1, 30, tzinfo=UTC)
TIMELINE = """
query ($ids: [_Any!]!, $first: Int! = 20, $after: String,
  $kinds: [ActivityKind!], $since: DateTime) { _entities(representations: $ids) {
    ... on Customer {
      id lastContactedAt
      timeline(first: $first, after: $after, kinds: $kinds, since: $since) {
        edges { cursor node {
          __typename id occurredAt summary actor { id } customer { id }
          ... on FollowUp { channel author { id } }
        } }
        pageInfo { hasNextPage hasPreviousPage endCursor }
      }
    }
  }
}
"""


def customers(*ids: UUID) -> list[dict[str, str]]:
    return [{"__typename": "Customer", "id": str(id)} for id in ids]


def log(
    db: SyncDatabase,
    customer: CustomerId = ACME,
    user: UUID = LIN,
    minutes: int = 0,
    summary: str = "Called",
) -> None:
    words = FollowUpRequest(Channel.CALL, summary, NOW + timedelta(minutes=minutes), None, None)
    now = NOW + timedelta(days=1)
    db.write(log_follow_up, scope(user, "FollowUp", "create"), customer, words, now)


def a_task(db: SyncDatabase, customer: CustomerId = ACME, user: UUID = LIN) -> Any:
    proof = scope(user, "Task", "create")
    return db.write(
        create_task, proof, customer, title="Send offer", due_at=None, assignee=UserId(user)
    )


def summaries(entity: dict[str, Any]) -> list[str]:
    return [edge["node"]["summary"] for edge in entity["timeline"]["edges"]]


async def test_is_newest_first_with_follow_ups_and_task_events_in_one(
    subgraph: Subgraph, db: SyncDatabase
) -> None:
    log(db, minutes=-10, summary="First")
    log(db, minutes=-5, summary="Second")
    task = a_task(db)
    db.write(complete_task, scope(LIN, "Task", "update"), task, None)

    [acme] = (await subgraph.data(TIMELINE, ids=customers(ACME)))["_entities"]

    assert summaries(acme) == ["Send offer", "Send offer", "Second", "First"]
    kinds = [edge["node"]["__typename"] for edge in acme["timeline"]["edges"]]
    assert kinds == ["TaskEvent", "TaskEvent", "FollowUp", "FollowUp"]
    assert acme["lastContactedAt"] == (NOW - timedelta(minutes=5)).isoformat()


async def test_the_first_of_many_customers_are_one_query(
    subgraph: Subgraph, db: SyncDatabase
) -> None:
    many = [CustomerId(UUID(int=0xE000 + i)) for i in range(50)]
    db.write(project, [an_access(id) for id in many])
    for id in many[:10]:
        log(db, id)
        log(db, id, minutes=1)
    query = TIMELINE.replace("lastContactedAt", "")

    found = await subgraph.data(query, ids=customers(*many), first=1)

    assert len(subgraph.statements) == 1
    lengths = [len(entity["timeline"]["edges"]) for entity in found["_entities"]]
    assert lengths == [1] * 10 + [0] * 40
    assert found["_entities"][0]["timeline"]["pageInfo"]["hasNextPage"] is True


async def test_all_that_a_customer_page_asks_is_one_query_a_field(
    subgraph: Subgraph, db: SyncDatabase
) -> None:
    log(db)
    log(db, BOHAI, WANG)
    query = """query ($ids: [_Any!]!) { _entities(representations: $ids) { ... on Customer {
      timeline { edges { node { ... on FollowUp { task { id } }
        ... on TaskEvent { task { id } } } } }
      tasks { edges { node { title followUp { id } } } } openTasks lastContactedAt } } }"""

    await subgraph.data(query, AUDITOR, ids=customers(ACME, BOHAI))

    assert len(subgraph.statements) == 5  # timeline, its follow-ups' tasks, tasks, count, last


async def test_pages_meet_without_gap_or_overlap(subgraph: Subgraph, db: SyncDatabase) -> None:
    for i in range(5):
        log(db, minutes=i // 2, summary=f"call {i}")  # pairs share their moment
    a_task(db)
    seen: list[str] = []
    after: str | None = None

    for _ in range(4):
        found = await subgraph.data(TIMELINE, ids=customers(ACME), first=2, after=after)
        page = found["_entities"][0]["timeline"]
        seen += [edge["node"]["id"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break

    assert len(seen) == len(set(seen)) == 6


async def test_answers_kinds_and_times_that_are_asked_for(
    subgraph: Subgraph, db: SyncDatabase
) -> None:
    log(db, minutes=0, summary="old")
    log(db, minutes=9, summary="new")
    a_task(db)
    ids = customers(ACME)

    tasks = await subgraph.data(TIMELINE, ids=ids, kinds=["TASK"])
    since = (NOW + timedelta(minutes=5)).isoformat()
    new = await subgraph.data(TIMELINE, ids=ids, kinds=["FOLLOW_UP"], since=since)
    none = await subgraph.data(TIMELINE, ids=ids, kinds=[])

    assert summaries(tasks["_entities"][0]) == ["Send offer"]
    assert summaries(new["_entities"][0]) == ["new"]
    assert summaries(none["_entities"][0]) == []


async def test_out_of_scope_is_an_empty_past(subgraph: Subgraph, db: SyncDatabase) -> None:
    log(db, BOHAI, WANG)
    unknown = UUID(int=0xFFFF)

    found = await subgraph.data(TIMELINE, ids=customers(BOHAI, unknown))

    assert [summaries(entity) for entity in found["_entities"]] == [[], []]
    assert [entity["lastContactedAt"] for entity in found["_entities"]] == [None, None]


async def test_without_the_right_nothing_is_read(subgraph: Subgraph, db: SyncDatabase) -> None:
    log(db)

    answer = await subgraph.ask(TIMELINE, STRANGER, ids=customers(ACME))
    nobody = await subgraph.ask(TIMELINE, None, ids=customers(ACME))

    assert answer["data"] is None
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert nobody["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert subgraph.statements == []


async def test_a_reader_of_follow_ups_alone_sees_no_task_events(
    subgraph: Subgraph, db: SyncDatabase
) -> None:
    log(db, summary="Called")
    a_task(db)

    found = await subgraph.data(TIMELINE, READER, ids=customers(ACME))

    assert summaries(found["_entities"][0]) == ["Called"]


async def test_a_merged_past_is_one_and_comes_apart_again(
    subgraph: Subgraph, db: SyncDatabase
) -> None:
    log(db, ACME, LIN, minutes=1, summary="of Acme")
    log(db, BOHAI, WANG, minutes=2, summary="of Bohai")
    merged = an_access(ACME, LIN, version=2, merged_into=BOHAI)

    db.write(project, [merged])
    together = await subgraph.data(TIMELINE, WANG, ids=customers(BOHAI, ACME))
    log(db, BOHAI, WANG, minutes=3, summary="of Bohai, later")
    db.write(project, [an_access(ACME, LIN, version=3)])
    apart = await subgraph.data(TIMELINE, AUDITOR, ids=customers(BOHAI, ACME))

    assert [summaries(e) for e in together["_entities"]] == [["of Bohai", "of Acme"]] * 2
    edges = together["_entities"][1]["timeline"]["edges"]
    assert {edge["node"]["customer"]["id"] for edge in edges} == {str(BOHAI)}
    assert [summaries(e) for e in apart["_entities"]] == [
        ["of Bohai, later", "of Bohai"],
        ["of Acme"],
    ]


@pytest.mark.parametrize(
    ("variables", "field"),
    [
        ({"first": 0}, "first"),
        ({"first": 101}, "first"),
        ({"after": "rubbish"}, "after"),
        ({"since": "2026-05-04T09:30:00"}, "since"),
        ({"ids": [{"__typename": "Customer", "id": "17"}]}, "id"),
    ],
)
async def test_wrong_input_names_its_field(
    subgraph: Subgraph, variables: dict[str, Any], field: str
) -> None:
    asked = {"ids": customers(ACME)} | variables

    [error] = (await subgraph.ask(TIMELINE, **asked))["errors"]

    assert error["extensions"]["code"] == "BAD_INPUT"
    assert error["extensions"]["field"] == field
