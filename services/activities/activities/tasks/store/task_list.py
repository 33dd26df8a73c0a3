"""Pages of tasks, the most urgent first and those without a due time last, and their counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, func, or_, select, true
from sqlalchemy.orm import Session

from activities.core.domain.ids import CustomerId, UserId
from activities.customers.store import Family, columns, customer_access
from activities.tasks.domain.due import Span
from activities.tasks.domain.task import Status
from activities.tasks.store.task import TaskRow, row, task, visible
from chassis.api.paging import Order, Page, Window, beyond, decode, encode, page
from chassis.policy.scope import Scope

BY_DUE: Order = [(task.c.due_or_never, "asc"), (task.c.id, "asc")]


@dataclass(frozen=True, slots=True)
class Filter:
    """Conditions on tasks; a condition that is left out does not filter."""

    customer: CustomerId | None = None
    assignee: UserId | None = None
    status: tuple[Status, ...] = ()
    due: Span | None = None


def matching(session: Session, scope: Scope, filter: Filter, window: Window) -> Page[TaskRow]:
    """Return a page of the visible tasks that match a filter, the most urgent first."""
    statement = visible(scope).where(*_conditions(filter))
    return page(session, statement, order=BY_DUE, window=window).map(row)


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
    """Return a page of each customer's visible tasks, in the order of the ids, in one query."""
    family = Family(ids)
    assigned = task.c.assignee_id == scope.actor.user_id
    page_query = (
        select(task)
        .join_from(task, family.member, family.member.c.customer_id == task.c.customer_id)
        .where(family.same_root, or_(assigned, scope.where(columns(family.root))))
        .order_by(task.c.due_or_never, task.c.id)
        .limit(window.first + 1)
    )
    if status:
        page_query = page_query.where(task.c.status.in_([state.value for state in status]))
    if window.after is not None:
        page_query = page_query.where(beyond(BY_DUE, decode(window.after, BY_DUE)))
    page_rows = page_query.lateral("page_rows")
    rows = session.execute(
        select(
            family.requested.c.id.label("requested"),
            family.root.c.customer_id.label("root_id"),
            page_rows,
        )
        .select_from(family.joined.join(page_rows, true()))
        .order_by(family.requested.c.id, page_rows.c.due_or_never, page_rows.c.id)
    )
    rows_by_customer: dict[UUID, list[Row[Any]]] = {}
    for task_row in rows:
        rows_by_customer.setdefault(task_row.requested, []).append(task_row)
    return [_page(rows_by_customer.get(id, []), window) for id in ids]


def open_tasks(session: Session, scope: Scope, ids: Sequence[CustomerId]) -> list[int]:
    """Return the number of each customer's visible open tasks, in the order of the ids."""
    family = Family(ids)
    assigned = task.c.assignee_id == scope.actor.user_id
    number = (
        select(func.count().label("value"))
        .select_from(task)
        .join(family.member, family.member.c.customer_id == task.c.customer_id)
        .where(family.same_root, task.c.status == Status.OPEN.value)
        .where(or_(assigned, scope.where(columns(family.root))))
        .lateral("open_tasks")
    )
    return [value or 0 for value in family.values(session, number)]


def _page(rows: Sequence[Row[Any]], window: Window) -> Page[TaskRow]:
    shown = rows[: window.first]
    return Page(
        rows=[row(task_row) for task_row in shown],
        cursors=[encode([task_row.due_or_never, task_row.id]) for task_row in shown],
        has_next=len(rows) > window.first,
        has_previous=window.after is not None,
    )


def _of_customer(id: CustomerId) -> ColumnElement[bool]:
    """Return the condition on tasks of a customer or of one merged with it, by any of their ids."""
    requested, member = customer_access.alias("requested"), customer_access.alias("member")
    root = select(requested.c.root_id).where(requested.c.customer_id == id).scalar_subquery()
    return task.c.customer_id.in_(select(member.c.customer_id).where(member.c.root_id == root))
