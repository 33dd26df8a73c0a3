"""Handovers as rows, and the open tasks they still have to hand over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from activities.core.domain.ids import TaskId, UserId
from activities.handover.domain import Plan, plan_of

_FOUND = text(
    "WITH found AS (INSERT INTO handover_task (handover_id, task_id, department_id) "
    "SELECT :id, t.id, root.department_id FROM task t "
    "JOIN customer_access of ON of.customer_id = t.customer_id "
    "JOIN customer_access root ON root.customer_id = of.root_id "
    "WHERE t.assignee_id = :user AND t.status = 'open' "
    "AND (:whole OR root.department_id IS NOT DISTINCT FROM CAST(:from AS uuid)) RETURNING 1) "
    "UPDATE handover SET total = (SELECT count(*) FROM found) WHERE id = :id"
)
_NEXT = text(
    "WITH taken AS (DELETE FROM handover_task WHERE handover_id = :id AND task_id IN ("
    "SELECT task_id FROM handover_task WHERE handover_id = :id ORDER BY task_id LIMIT :limit) "
    "RETURNING task_id, department_id) "
    "SELECT taken.task_id, taken.department_id, t.status = 'open' AND t.assignee_id = :user AS theirs "
    "FROM taken JOIN task t ON t.id = taken.task_id ORDER BY t.id FOR UPDATE OF t"
)
_OPEN = text("SELECT count(*) FROM task WHERE assignee_id = :user AND status = 'open'")
_ADD = text(
    "INSERT INTO handover (id, user_id, actor_id, plan, whole, policy_version, total) "
    "VALUES (:id, :user, :actor, CAST(:plan AS jsonb), :whole, :policy_version, 0) "
    "ON CONFLICT DO NOTHING RETURNING id"
)
# The one that was tried longest ago, so that one that fails does not keep the others waiting.
_DUE = text(
    "UPDATE handover SET tried_at = clock_timestamp() WHERE id = (SELECT id FROM handover "
    "WHERE finished_at IS NULL ORDER BY tried_at LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id"
)
_COLUMNS = (
    "id, user_id, actor_id, plan, whole, policy_version, total, done, created_at, finished_at"
)
_LOCK = text(f"SELECT {_COLUMNS} FROM handover WHERE id = :id FOR UPDATE SKIP LOCKED")  # noqa: S608  # words of our code
_LATEST = text(
    f"SELECT DISTINCT ON (user_id) {_COLUMNS} FROM handover WHERE user_id = ANY(:users) "  # noqa: S608  # words of our code
    "ORDER BY user_id, created_at DESC"
)


@dataclass(frozen=True, slots=True)
class HandoverRow:
    """One handover, and how far it is. `whole`: all of somebody's tasks, not one department's."""

    id: UUID
    user: UserId
    actor: UserId
    plan: Plan
    whole: bool
    policy_version: int
    total: int
    done: int
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Left:
    """A task that was theirs at the beginning, locked, and whether it still is."""

    id: TaskId
    department: UUID | None
    theirs: bool


def open_tasks(session: Session, user: UserId) -> int:
    """How many open tasks somebody has."""
    return int(session.execute(_OPEN, {"user": user}).scalar_one())


def add(
    session: Session,
    *,
    id: UUID,
    user: UserId,
    actor: UserId,
    plan: dict[str, Any],
    whole: bool,
    policy_version: int,
) -> None:
    """Begin a handover; one that began already goes on as it is."""
    begun = session.execute(
        _ADD,
        {
            "id": id,
            "user": user,
            "actor": actor,
            "plan": orjson.dumps(plan).decode(),
            "whole": whole,
            "policy_version": policy_version,
        },
    )
    if begun.first() is not None:
        theirs = {"id": id, "user": user, "whole": whole, "from": plan.get("from")}
        session.execute(_FOUND, theirs)


def take_due(session: Session) -> UUID | None:
    """The next one to go on with."""
    found: UUID | None = session.execute(_DUE).scalar_one_or_none()
    return found


def locked(session: Session, id: UUID) -> HandoverRow | None:
    """One handover, unless somebody else goes on with it just now."""
    found = session.execute(_LOCK, {"id": id}).one_or_none()
    return row(found) if found else None


def latest(session: Session, users: Sequence[UserId]) -> dict[UserId, HandoverRow]:
    """The last handover of each of these people."""
    found = session.execute(_LATEST, {"users": list(users)})
    return {UserId(one.user_id): row(one) for one in found}


def take(session: Session, one: HandoverRow, limit: int) -> list[Left]:
    """Some of the tasks that wait, which wait no longer, locked in the order of their ids."""
    found = session.execute(_NEXT, {"id": one.id, "user": one.user, "limit": limit})
    return [Left(TaskId(each.task_id), each.department_id, each.theirs) for each in found]


def assign(session: Session, given: Sequence[tuple[TaskId, UserId]]) -> None:
    """Let these tasks be done by others; each becomes a new version."""
    session.execute(
        text(
            "UPDATE task SET assignee_id = given.taker, version = version + 1, updated_at = now() "
            "FROM unnest(CAST(:ids AS uuid[]), CAST(:takers AS uuid[])) AS given(id, taker) "
            "WHERE task.id = given.id"
        ),
        {"ids": [id for id, _ in given], "takers": [taker for _, taker in given]},
    )


def advance(session: Session, id: UUID, done: int) -> None:
    """Write down how far it is."""
    session.execute(
        text("UPDATE handover SET done = done + :done WHERE id = :id"), {"id": id, "done": done}
    )


def finish(session: Session, id: UUID) -> None:
    """There is nothing left."""
    session.execute(text("UPDATE handover SET finished_at = now() WHERE id = :id"), {"id": id})


def row(found: Row[Any]) -> HandoverRow:
    """A selected row as a value."""
    return HandoverRow(
        id=found.id,
        user=UserId(found.user_id),
        actor=UserId(found.actor_id),
        plan=plan_of(found.plan),
        whole=found.whole,
        policy_version=found.policy_version,
        total=found.total,
        done=found.done,
        created_at=found.created_at,
        finished_at=found.finished_at,
    )
