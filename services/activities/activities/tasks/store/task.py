"""Tasks as rows.

A task is visible to a scope that reaches its customer, and always to its assignee and to a user who
acts for the assignee by delegation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    Computed,
    DateTime,
    Integer,
    Row,
    Select,
    String,
    Table,
    Text,
    Uuid,
    exists,
    func,
    or_,
    select,
)
from sqlalchemy.orm import Session

from activities.core.domain.ids import CustomerId, FollowUpId, TaskId, UserId
from activities.core.store.metadata import metadata
from activities.customers.store import columns, customer_access
from activities.tasks.domain.task import Draft, Status
from chassis.db import among, in_order
from chassis.policy.scope import Scope

task = Table(
    "task",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=func.uuidv7()),
    Column("customer_id", Uuid, nullable=False),
    Column("assignee_id", Uuid, nullable=False),
    Column("creator_id", Uuid, nullable=False),
    Column("follow_up_id", Uuid, unique=True),
    Column("title", Text, nullable=False),
    Column("due_at", DateTime(timezone=True)),
    # Pages are sorted by this: a task without a due time comes last, and a sort key is never null.
    Column(
        "due_or_never",
        DateTime(timezone=True),
        Computed("coalesce(due_at, '9999-12-31 00:00:00+00'::timestamptz)"),
    ),
    Column("status", String, nullable=False, server_default="open"),
    Column("closed_at", DateTime(timezone=True)),
    Column("reminded_at", DateTime(timezone=True)),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task; `customer` is the one it counts as now, `written_for` the one it was written for."""

    id: TaskId
    customer: CustomerId
    written_for: CustomerId
    assignee: UserId
    creator: UserId
    follow_up: FollowUpId | None
    title: str
    due_at: datetime | None
    status: Status
    closed_at: datetime | None
    reminded_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime


def by_ids(session: Session, scope: Scope, ids: Sequence[TaskId]) -> list[TaskRow | None]:
    """Return the visible tasks of these ids, in the order of the ids, `None` for a gap."""
    rows = session.execute(visible(scope).where(among(task.c.id, ids)))
    return in_order(ids, map(row, rows), lambda task_row: task_row.id)


def by_follow_ups(
    session: Session, scope: Scope, ids: Sequence[FollowUpId]
) -> list[TaskRow | None]:
    """Return the visible tasks of these follow-ups, in their order, `None` for a gap."""
    rows = session.execute(visible(scope).where(among(task.c.follow_up_id, ids)))
    tasks = {task_row.follow_up: task_row for task_row in map(row, rows)}
    return [tasks.get(id) for id in ids]


def locked(session: Session, scope: Scope, id: TaskId) -> TaskRow | None:
    """Return a visible task, its row locked until the transaction ends, or `None`."""
    locked_row = session.execute(
        visible(scope).where(task.c.id == id).with_for_update(of=task)
    ).one_or_none()
    return row(locked_row) if locked_row else None


def visible(scope: Scope) -> Select[Any]:
    """Return the query of all tasks that a scope may see, with `root_id` as their customer."""
    of = customer_access.alias("of")
    root = customer_access.alias("root")
    assigned = among(task.c.assignee_id, sorted(scope.acting_users))
    return (
        select(task, root.c.customer_id.label("root_id"))
        .join_from(task, of, of.c.customer_id == task.c.customer_id)
        .join(root, root.c.customer_id == of.c.root_id)
        .where(or_(assigned, scope.where(columns(root))))
    )


def add(
    session: Session,
    *,
    customer: CustomerId,
    assignee: UserId,
    creator: UserId,
    draft: Draft,
    follow_up: FollowUpId | None = None,
) -> TaskId:
    """Insert a task; return its id."""
    values = {
        "customer_id": customer,
        "assignee_id": assignee,
        "creator_id": creator,
        "follow_up_id": follow_up,
        "title": draft.title,
        "due_at": draft.due_at,
    }
    return TaskId(session.execute(task.insert().values(values).returning(task.c.id)).scalar_one())


def change(session: Session, id: TaskId, **values: object) -> int:
    """Set columns of a task; return its new version."""
    version: int = session.execute(
        task.update()
        .where(task.c.id == id)
        .values(values | {"version": task.c.version + 1, "updated_at": func.now()})
        .returning(task.c.version)
    ).scalar_one()
    return version


@dataclass(frozen=True, slots=True)
class DueTask:
    """An open task whose due time has passed."""

    id: TaskId
    customer: CustomerId
    assignee: UserId
    due_at: datetime


def any_due(session: Session) -> bool:
    """Return whether `claim_due` would find a task."""
    due = exists().where(
        task.c.status == "open", task.c.reminded_at.is_(None), task.c.due_at <= func.now()
    )
    return bool(session.execute(select(due)).scalar_one())


def claim_due(session: Session, limit: int) -> list[DueTask]:
    """Mark at most `limit` due open tasks as reminded, and return them.

    Rows that another worker has locked are skipped, so two schedulers remind once.
    """
    due = (
        select(task.c.id)
        .where(task.c.status == "open", task.c.reminded_at.is_(None), task.c.due_at <= func.now())
        .order_by(task.c.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    rows = session.execute(
        task.update()
        .where(task.c.id == due.c.id)
        .values(reminded_at=func.now())
        .returning(task.c.id, task.c.customer_id, task.c.assignee_id, task.c.due_at)
    )
    return [
        DueTask(
            TaskId(task.id), CustomerId(task.customer_id), UserId(task.assignee_id), task.due_at
        )
        for task in rows
    ]


def row(visible_row: Row[Any]) -> TaskRow:
    """Return a row of `visible` as a value."""
    values = visible_row._mapping
    return TaskRow(
        id=TaskId(values["id"]),
        customer=CustomerId(values["root_id"]),
        written_for=CustomerId(values["customer_id"]),
        assignee=UserId(values["assignee_id"]),
        creator=UserId(values["creator_id"]),
        follow_up=values["follow_up_id"],
        title=values["title"],
        due_at=values["due_at"],
        status=Status(values["status"]),
        closed_at=values["closed_at"],
        reminded_at=values["reminded_at"],
        version=values["version"],
        created_at=values["created_at"],
        updated_at=values["updated_at"],
    )
