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

_LIST_TASKS = text(
    "WITH listed AS (INSERT INTO handover_task (handover_id, task_id, department_id) "
    "SELECT :id, t.id, root.department_id FROM task t "
    "JOIN customer_access of ON of.customer_id = t.customer_id "
    "JOIN customer_access root ON root.customer_id = of.root_id "
    "WHERE t.assignee_id = :user AND t.status = 'open' "
    "AND (:whole OR root.department_id IS NOT DISTINCT FROM CAST(:from AS uuid)) RETURNING 1) "
    "UPDATE handover SET total = (SELECT count(*) FROM listed) WHERE id = :id"
)
_NEXT = text(
    "WITH batch AS (DELETE FROM handover_task WHERE handover_id = :id AND task_id IN ("
    "SELECT task_id FROM handover_task WHERE handover_id = :id ORDER BY task_id LIMIT :limit) "
    "RETURNING task_id, department_id) "
    "SELECT batch.task_id, batch.department_id, "
    "t.status = 'open' AND t.assignee_id = :user AS is_still_open "
    "FROM batch JOIN task t ON t.id = batch.task_id ORDER BY t.id FOR UPDATE OF t"
)
_OPEN = text("SELECT count(*) FROM task WHERE assignee_id = :user AND status = 'open'")
_ADD = text(
    "INSERT INTO handover (id, user_id, actor_id, plan, whole, policy_version, total) "
    "VALUES (:id, :user, :actor, CAST(:plan AS jsonb), :whole, :policy_version, 0) "
    "ON CONFLICT DO NOTHING RETURNING id"
)
# The handover tried longest ago, so that one that fails does not keep the others waiting.
_DUE = text(
    "UPDATE handover SET tried_at = clock_timestamp() WHERE id = (SELECT id FROM handover "
    "WHERE finished_at IS NULL ORDER BY tried_at LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id"
)
_COLUMNS = (
    "id, user_id, actor_id, plan, whole, policy_version, total, done, created_at, finished_at"
)
_LOCK = text(
    f"SELECT {_COLUMNS} FROM handover WHERE id = :id FOR UPDATE SKIP LOCKED"  # noqa: S608  # constants
)
_LATEST = text(
    f"SELECT DISTINCT ON (user_id) {_COLUMNS} FROM handover WHERE user_id = ANY(:users) "  # noqa: S608  # constants
    "ORDER BY user_id, created_at DESC"
)


@dataclass(frozen=True, slots=True)
class HandoverRow:
    """A handover and its progress. `whole`: all tasks of the user, not only one department's."""

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
class ListedTask:
    """A task that the user had at the beginning, locked; whether it is still open and theirs."""

    id: TaskId
    department: UUID | None
    is_still_open: bool


def open_tasks(session: Session, user: UserId) -> int:
    """Return the number of a user's open tasks."""
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
    """Insert a handover and list its tasks; one that exists already stays as it is."""
    inserted = session.execute(
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
    if inserted.first() is not None:
        parameters = {"id": id, "user": user, "whole": whole, "from": plan.get("from")}
        session.execute(_LIST_TASKS, parameters)


def any_due(session: Session) -> bool:
    """Return whether a handover is to be continued."""
    statement = text("SELECT EXISTS (SELECT 1 FROM handover WHERE finished_at IS NULL)")
    return bool(session.execute(statement).scalar_one())


def next_due(session: Session) -> UUID | None:
    """Return the id of the unfinished handover that waited longest, or `None`."""
    id: UUID | None = session.execute(_DUE).scalar_one_or_none()
    return id


def locked(session: Session, id: UUID) -> HandoverRow | None:
    """Return a handover with its row locked, or `None` if another worker has locked it."""
    row = session.execute(_LOCK, {"id": id}).one_or_none()
    return _handover(row) if row else None


def latest(session: Session, users: Sequence[UserId]) -> dict[UserId, HandoverRow]:
    """Return the latest handover of each of these users who has one."""
    rows = session.execute(_LATEST, {"users": list(users)})
    return {UserId(row.user_id): _handover(row) for row in rows}


def take(session: Session, handover: HandoverRow, limit: int) -> list[ListedTask]:
    """Remove at most `limit` tasks from the list of a handover, and lock them in order of id."""
    parameters = {"id": handover.id, "user": handover.user, "limit": limit}
    rows = session.execute(_NEXT, parameters)
    return [ListedTask(TaskId(row.task_id), row.department_id, row.is_still_open) for row in rows]


def assign(session: Session, changes: Sequence[tuple[TaskId, UserId]]) -> None:
    """Set the assignees of tasks; each task gets a new version."""
    session.execute(
        text(
            "UPDATE task "
            "SET assignee_id = change.assignee, version = version + 1, updated_at = now() "
            "FROM unnest(CAST(:ids AS uuid[]), CAST(:assignees AS uuid[])) AS change(id, assignee) "
            "WHERE task.id = change.id"
        ),
        {
            "ids": [id for id, _ in changes],
            "assignees": [assignee for _, assignee in changes],
        },
    )


def advance(session: Session, id: UUID, done: int) -> None:
    """Add to the number of handed-over tasks."""
    session.execute(
        text("UPDATE handover SET done = done + :done WHERE id = :id"), {"id": id, "done": done}
    )


def finish(session: Session, id: UUID) -> None:
    """Mark a handover as finished."""
    session.execute(text("UPDATE handover SET finished_at = now() WHERE id = :id"), {"id": id})


def _handover(row: Row[Any]) -> HandoverRow:
    return HandoverRow(
        id=row.id,
        user=UserId(row.user_id),
        actor=UserId(row.actor_id),
        plan=plan_of(row.plan),
        whole=row.whole,
        policy_version=row.policy_version,
        total=row.total,
        done=row.done,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )
