"""Writes through GraphQL: payloads, refusals in the reader's language,
and who may be given work."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from chassis.db import SyncDatabase
from tests.activities.conftest import ACME, BOHAI, count
from tests.activities.people import AUDITOR, LEAD, LIN, STRANGER, WANG
from tests.activities.subgraph import Subgraph

LOG = """
mutation ($input: LogFollowUpInput!) { logFollowUp(input: $input) {
  followUp { id version summary channel author { id } nextDueAt
    task { title status assignee { id } } }
  errors { code message path conflictVersion }
} }
"""
EDIT = """
mutation ($input: EditFollowUpInput!) { editFollowUp(input: $input) {
  followUp { version summary } errors { code path conflictVersion }
} }
"""
CREATE = """
mutation ($input: CreateTaskInput!) { createTask(input: $input) {
  task { id version title status overdue assignee { id } creator { id } customer { id } }
  errors { code message path }
} }
"""
MOVE = """
mutation ($id: ID!, $version: Int) {
  done: completeTask(id: $id, expectedVersion: $version) { task { status version } errors { code } }
  undone: reopenTask(id: $id) { task { status version closedAt } errors { code } }
  given: reassignTask(id: $id, assigneeId: "%s") { task { assignee { id } } errors { code } }
  later: rescheduleTask(id: $id, dueAt: "2100-01-01T00:00:00Z") { task { dueAt } errors { code } }
  dropped: cancelTask(id: $id) { task { status } errors { code } }
}
"""
TASKS = """
query ($filter: TaskFilter, $first: Int! = 20, $after: String) {
  tasks(filter: $filter, first: $first, after: $after) {
    edges { node { title } } pageInfo { hasNextPage endCursor } }
}
"""
MINE = """
query ($due: DueWindow, $zone: String! = "Asia/Shanghai", $status: [TaskStatus!]) {
  myTasks(due: $due, timeZone: $zone, status: $status) { edges { node { title } } }
}
"""


def an_input(**more: Any) -> dict[str, Any]:
    return {"customerId": str(ACME), "channel": "PHONE", "summary": "谈了合同"} | more


async def create(subgraph: Subgraph, title: str = "Call", user: UUID = LIN, **more: Any) -> Any:
    asked = {"customerId": str(ACME), "title": title} | more
    answer = await subgraph.data(CREATE, user, input=asked)
    return answer["createTask"]


def titles(connection: dict[str, Any]) -> list[str]:
    return [edge["node"]["title"] for edge in connection["edges"]]


async def test_logging_answers_the_follow_up_and_its_task(subgraph: Subgraph) -> None:
    asked = an_input(channel="CALL", nextStep="寄合同", nextDueAt="2100-01-01T09:00:00+08:00")

    payload = (await subgraph.data(LOG, input=asked))["logFollowUp"]

    assert payload["errors"] == []
    assert payload["followUp"]["author"] == {"id": str(LIN)}
    assert payload["followUp"]["nextDueAt"] == "2100-01-01T01:00:00+00:00"
    assert payload["followUp"]["task"] == {
        "title": "寄合同",
        "status": "OPEN",
        "assignee": {"id": str(LIN)},
    }


@pytest.mark.parametrize(
    ("more", "code", "path"),
    [
        ({"summary": " "}, "BAD_INPUT", ["summary"]),
        ({"customerId": "acme"}, "BAD_INPUT", ["customerId"]),
        ({"customerId": str(BOHAI)}, "NOT_FOUND", ["customerId"]),
        ({"nextDueAt": "2100-01-01T00:00:00Z"}, "BAD_INPUT", ["nextStep"]),
        ({"occurredAt": "2026-01-01T00:00:00"}, "BAD_INPUT", ["occurredAt"]),
        ({"idempotencyKey": "k" * 201}, "BAD_INPUT", ["idempotencyKey"]),
    ],
)
async def test_a_refusal_is_part_of_the_answer_and_writes_nothing(
    subgraph: Subgraph, db: SyncDatabase, more: dict[str, Any], code: str, path: list[str]
) -> None:
    payload = (await subgraph.data(LOG, input=an_input(channel="CALL") | more))["logFollowUp"]

    assert payload["followUp"] is None
    [error] = payload["errors"]
    assert (error["code"], error["path"]) == (code, path)
    assert count(db, "follow_up") == count(db, "outbox") == 0


async def test_a_channel_that_does_not_exist_is_refused_by_the_schema(subgraph: Subgraph) -> None:
    [error] = (await subgraph.ask(LOG, input=an_input()))["errors"]

    assert "$input" in error["message"]
    assert ".channel" in error["message"]
    assert "PHONE" in error["message"]


async def test_refuses_in_chinese_when_asked_in_chinese(subgraph: Subgraph) -> None:
    asked = an_input(channel="CALL", summary="")

    answer = await subgraph.ask(LOG, locale="zh-CN", input=asked)

    assert "不能为空" in answer["data"]["logFollowUp"]["errors"][0]["message"]


async def test_reading_is_no_right_to_write(subgraph: Subgraph, db: SyncDatabase) -> None:
    for user in (AUDITOR, STRANGER):
        answer = await subgraph.ask(LOG, user, input=an_input(channel="CALL"))
        assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"

    assert count(db, "follow_up") == 0


async def test_a_stale_edit_says_the_present_version(subgraph: Subgraph) -> None:
    logged = (await subgraph.data(LOG, input=an_input(channel="CALL")))["logFollowUp"]
    asked = {"id": logged["followUp"]["id"], "channel": "CALL", "expectedVersion": 1}

    first = await subgraph.data(EDIT, input=asked | {"summary": "再谈"})
    second = await subgraph.data(EDIT, input=asked | {"summary": "三谈"})
    foreign = await subgraph.data(EDIT, LEAD, input=asked | {"summary": "x", "expectedVersion": 2})

    assert first["editFollowUp"]["followUp"] == {"version": 2, "summary": "再谈"}
    assert second["editFollowUp"]["errors"] == [
        {"code": "CONFLICT", "path": ["expectedVersion"], "conflictVersion": 2}
    ]
    assert [e["code"] for e in foreign["editFollowUp"]["errors"]] == ["FORBIDDEN"]


async def test_a_task_goes_through_its_life(subgraph: Subgraph) -> None:
    task = (await create(subgraph, dueAt="2020-01-01T00:00:00Z"))["task"]
    assert (task["overdue"], task["assignee"]["id"]) == (True, str(LIN))

    moved = await subgraph.data(MOVE % WANG, LEAD, id=task["id"], version=1)

    assert moved["done"]["task"] == {"status": "DONE", "version": 2}
    assert moved["undone"]["task"] == {"status": "OPEN", "version": 3, "closedAt": None}
    assert moved["given"]["task"]["assignee"] == {"id": str(WANG)}
    assert moved["later"]["task"] == {"dueAt": "2100-01-01T00:00:00+00:00"}
    assert moved["dropped"]["task"] == {"status": "CANCELLED"}


@pytest.mark.parametrize("nobody", [STRANGER, UUID(int=0xBAD)])
async def test_work_is_given_to_people_who_may_work_on_tasks(
    subgraph: Subgraph, db: SyncDatabase, nobody: UUID
) -> None:
    payload = await create(subgraph, assigneeId=str(nobody))

    assert [e["path"] for e in payload["errors"]] == [["assigneeId"]]
    assert count(db, "task") == 0


async def test_lists_the_most_urgent_first_and_the_undated_last(subgraph: Subgraph) -> None:
    await create(subgraph, "someday")
    await create(subgraph, "later", dueAt="2100-01-01T00:00:00Z")
    await create(subgraph, "late", dueAt="2020-01-01T00:00:00Z")

    first = (await subgraph.data(TASKS, first=2))["tasks"]
    rest = (await subgraph.data(TASKS, first=2, after=first["pageInfo"]["endCursor"]))["tasks"]

    assert titles(first) == ["late", "later"]
    assert (titles(rest), rest["pageInfo"]["hasNextPage"]) == (["someday"], False)


async def test_filters_tasks(subgraph: Subgraph) -> None:
    await create(subgraph, "mine", dueAt="2020-01-01T00:00:00Z")
    other = await create(subgraph, "other", LEAD, assigneeId=str(WANG))
    await subgraph.data(
        "mutation ($id: ID!) { completeTask(id: $id) { errors { code } } }",
        LEAD,
        id=other["task"]["id"],
    )

    async def found(**filter: Any) -> list[str]:
        return titles((await subgraph.data(TASKS, LEAD, filter=filter))["tasks"])

    assert await found(assigneeId=str(WANG)) == ["other"]
    assert await found(status=["OPEN"]) == ["mine"]
    assert await found(customerId=str(ACME), due="OVERDUE") == ["mine"]
    assert await found(customerId=str(BOHAI)) == []
    assert await found(due="UNDATED") == ["other"]


async def test_my_tasks_are_the_open_ones_given_to_me(subgraph: Subgraph) -> None:
    await create(subgraph, "mine", LEAD, assigneeId=str(LIN), dueAt="2020-01-01T00:00:00Z")
    await create(subgraph, "the lead's", LEAD)

    assert titles((await subgraph.data(MINE))["myTasks"]) == ["mine"]
    assert titles((await subgraph.data(MINE, due="OVERDUE"))["myTasks"]) == ["mine"]
    assert titles((await subgraph.data(MINE, due="LATER"))["myTasks"]) == []
    assert titles((await subgraph.data(MINE, status=["DONE"]))["myTasks"]) == []
    [error] = (await subgraph.ask(MINE, due="TODAY", zone="Mars/Olympus"))["errors"]
    assert error["extensions"]["field"] == "timeZone"


async def test_entities_get_the_same_verdict_as_lists(subgraph: Subgraph) -> None:
    task = (await create(subgraph))["task"]["id"]
    logged = (await subgraph.data(LOG, input=an_input(channel="CALL")))["logFollowUp"]
    ids = [
        {"__typename": "Task", "id": task},
        {"__typename": "FollowUp", "id": logged["followUp"]["id"]},
        {"__typename": "Task", "id": str(UUID(int=5))},
    ]
    query = """query ($ids: [_Any!]!) { _entities(representations: $ids) {
      ... on Task { title } ... on FollowUp { summary } } }"""

    mine = await subgraph.data(query, LIN, ids=ids)
    wangs = await subgraph.data(query, WANG, ids=ids)
    strangers = await subgraph.ask(query, STRANGER, ids=ids)

    assert mine["_entities"] == [{"title": "Call"}, {"summary": "谈了合同"}, None]
    assert wangs["_entities"] == [None, None, None]
    assert {e["extensions"]["code"] for e in strangers["errors"]} == {"FORBIDDEN"}
