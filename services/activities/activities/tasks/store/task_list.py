"""Pages of tasks, the most urgent first and those without a due time last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, or_, select, true
from sqlalchemy.orm import Session

from activities.core.domain.ids import CustomerId, UserId
from activities.customers.store import Family, columns, customer_access
from activities.tasks.domain.due import Span
from activities.tasks.domain.task import Status
from activities.tasks.store.task import TaskRow, row, task, visible
from chassis.api.paging import Order, Page, Window, beyond, decode, encode, page
from chassis.policy.guard import Scope

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
    return found.map(row)


def _conditions(filter: Filter) -> Iterator[ColumnElement[bool]]:
    if filter.customer:
        yield _of_customer(filter.customer)
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


def _of_customer(id: CustomerId) -> ColumnElement[bool]:
    """Tasks that count as this customer's now, whichever of the merged ids it is asked by."""
    asked, member = customer_access.alias("asked"), customer_access.alias("member")
    root = select(asked.c.root_id).where(asked.c.customer_id == id).scalar_subquery()
    return task.c.customer_id.in_(select(member.c.customer_id).where(member.c.root_id == root))
