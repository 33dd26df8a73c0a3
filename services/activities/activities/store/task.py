"""Tasks and what happened to them, as rows.

A task is seen by those whose scope reaches its customer, and always by the person who is to do it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Column,
    ColumnElement,
    Computed,
    DateTime,
    Integer,
    Row,
    Select,
    String,
    Table,
    Text,
    Uuid,
    cast,
    func,
    or_,
    select,
    true,
)
from sqlalchemy.orm import Session

from activities.domain.due import Span
from activities.domain.ids import CustomerId, FollowUpId, TaskId, UserId
from activities.domain.task import Draft, Happening, Status
from activities.store.customer import Family, among, columns, customer_access
from activities.store.metadata import metadata
from chassis.api.paging import Order, Page, Window, beyond, decode, encode, page
from chassis.db import in_order
from chassis.policy.guard import Scope

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

task_event = Table(
    "task_event",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=func.uuidv7()),
    Column("task_id", Uuid, nullable=False),
    Column("customer_id", Uuid, nullable=False),
    Column("happening", String, nullable=False),
    Column("actor_id", Uuid),
    Column("assignee_id", Uuid, nullable=False),
    Column(
        "occurred_at",
        DateTime(timezone=True),
        nullable=False,
        server_default=func.clock_timestamp(),
    ),
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


_of = customer_access.alias("of")
_root = customer_access.alias("root")


def by_ids(session: Session, scope: Scope, ids: Sequence[TaskId]) -> list[TaskRow | None]:
    """The tasks of these ids that may be seen, in the order of the ids, `None` for a gap."""
    rows = session.execute(visible(scope).where(among(task.c.id, ids)))
    return in_order(ids, map(row, rows), lambda found: found.id)


def by_follow_ups(
    session: Session, scope: Scope, ids: Sequence[FollowUpId]
) -> list[TaskRow | None]:
    """The tasks that these follow-ups created, in the order of the follow-ups."""
    rows = session.execute(visible(scope).where(among(task.c.follow_up_id, ids)))
    found = {of.follow_up: of for of in map(row, rows)}
    return [found.get(id) for id in ids]


def locked(session: Session, scope: Scope, id: TaskId) -> TaskRow | None:
    """One task that may be seen, held until the transaction ends."""
    found = session.execute(
        visible(scope).where(task.c.id == id).with_for_update(of=task)
    ).one_or_none()
    return row(found) if found else None


def visible(scope: Scope) -> Select[Any]:
    """All tasks that this scope may see."""
    mine = task.c.assignee_id == scope.actor.user_id
    return (
        select(task, _root.c.customer_id.label("root_id"))
        .join_from(task, _of, _of.c.customer_id == task.c.customer_id)
        .join(_root, _root.c.customer_id == _of.c.root_id)
        .where(or_(mine, scope.where(columns(_root))))
    )


BY_DUE: Order = [(task.c.due_or_never, "asc"), (task.c.id, "asc")]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which tasks a list is about; what is left out does not matter."""

    customer: CustomerId | None = None
    assignee: UserId | None = None
    status: tuple[Status, ...] = ()
    due: Span | None = None


def listed(session: Session, scope: Scope, filter: Filter, window: Window) -> Page[TaskRow]:
    """A page of the tasks that may be seen, the most urgent first."""
    statement = visible(scope).where(*_conditions(filter))
    found = page(session, statement, order=BY_DUE, window=window)
    return Page([row(r) for r in found.rows], found.cursors, found.has_next, found.has_previous)


def _conditions(filter: Filter) -> Iterator[ColumnElement[bool]]:
    if filter.customer:
        yield of_customer(filter.customer)
    if filter.assignee:
        yield task.c.assignee_id == filter.assignee
    if filter.status:
        yield task.c.status.in_([status.value for status in filter.status])
    if filter.due:
        yield from _due(filter.due)


def _due(span: Span) -> Iterator[ColumnElement[bool]]:
    if span.undated:
        yield task.c.due_at.is_(None)
    if span.start:
        yield task.c.due_at >= span.start
    if span.end:
        yield task.c.due_at < span.end


def of_customers(
    session: Session,
    scope: Scope,
    status: Sequence[Status],
    window: Window,
    ids: Sequence[CustomerId],
) -> list[Page[TaskRow]]:
    """A page of the tasks of each of these customers, in the order of the ids, in one query."""
    family = Family(ids)
    mine = task.c.assignee_id == scope.actor.user_id
    first = (
        select(task)
        .join_from(task, family.member, family.member.c.customer_id == task.c.customer_id)
        .where(family.same_root, or_(mine, scope.where(columns(family.root))))
        .order_by(task.c.due_or_never, task.c.id)
        .limit(window.first + 1)
    )
    if status:
        first = first.where(task.c.status.in_([one.value for one in status]))
    if window.after is not None:
        first = first.where(beyond(BY_DUE, decode(window.after, BY_DUE)))
    each = first.lateral("each")
    rows = session.execute(
        select(family.asked.c.id.label("asked"), family.root.c.customer_id.label("root_id"), each)
        .select_from(family.joined.join(each, true()))
        .order_by(family.asked.c.id, each.c.due_or_never, each.c.id)
    )
    found: dict[UUID, list[Row[Any]]] = {}
    for one in rows:
        found.setdefault(one.asked, []).append(one)
    return [_cut(found.get(id, []), window) for id in ids]


def _cut(rows: Sequence[Row[Any]], window: Window) -> Page[TaskRow]:
    shown = rows[: window.first]
    return Page(
        rows=[row(one) for one in shown],
        cursors=[encode([one.due_or_never, one.id]) for one in shown],
        has_next=len(rows) > window.first,
        has_previous=window.after is not None,
    )


def of_customer(id: CustomerId) -> ColumnElement[bool]:
    """Tasks that count as this customer's now, whichever of the merged ids it is asked by."""
    asked = customer_access.alias("asked")
    root = select(asked.c.root_id).where(asked.c.customer_id == id).scalar_subquery()
    return _of.c.root_id == root


def add(
    session: Session,
    *,
    customer: CustomerId,
    assignee: UserId,
    creator: UserId,
    draft: Draft,
    follow_up: FollowUpId | None = None,
) -> TaskId:
    """Write a new task down, and that it came to be."""
    id = TaskId(
        session.execute(
            task.insert()
            .values(
                customer_id=customer,
                assignee_id=assignee,
                creator_id=creator,
                follow_up_id=follow_up,
                title=draft.title,
                due_at=draft.due_at,
            )
            .returning(task.c.id)
        ).scalar_one()
    )
    happened(session, [id], Happening.CREATED, actor=creator)
    return id


def change(session: Session, id: TaskId, **values: object) -> int:
    """Set these columns of one task; answer its new version."""
    version: int = session.execute(
        task.update()
        .where(task.c.id == id)
        .values(values | {"version": task.c.version + 1, "updated_at": func.now()})
        .returning(task.c.version)
    ).scalar_one()
    return version


def happened(
    session: Session, ids: Sequence[TaskId], happening: Happening, *, actor: UserId | None
) -> None:
    """Tell the timeline what happened to these tasks."""
    told = select(
        task.c.id,
        task.c.customer_id,
        task.c.assignee_id,
        cast(happening.value, String),
        cast(actor, Uuid),
    ).where(among(task.c.id, ids))
    session.execute(
        task_event.insert().from_select(
            ["task_id", "customer_id", "assignee_id", "happening", "actor_id"], told
        )
    )


@dataclass(frozen=True, slots=True)
class DueTask:
    """A task whose time has come."""

    id: TaskId
    customer: CustomerId
    assignee: UserId
    due_at: datetime


def claim_due(session: Session, limit: int) -> list[DueTask]:
    """Open tasks whose time has come and of which nobody was reminded, marked as reminded now.

    Rows that another worker holds are left to it, so two schedulers remind once.
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
        DueTask(TaskId(r.id), CustomerId(r.customer_id), UserId(r.assignee_id), r.due_at)
        for r in rows
    ]


def row(found: Row[Any]) -> TaskRow:
    """A row of `visible` as a value."""
    values = found._mapping
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
