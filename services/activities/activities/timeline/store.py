"""The timelines of many customers in one query: follow-ups and events of tasks, newest first.

Both tables are walked backwards along their (customer, time) index, a page of each is merged, and
the rest is never read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Integer,
    Row,
    Select,
    String,
    Text,
    Uuid,
    and_,
    cast,
    literal,
    null,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.orm import Session
from sqlalchemy.sql.selectable import LateralFromClause

from activities.core.domain.ids import CustomerId, FollowUpId, TaskEventId, TaskId, UserId
from activities.customers.store import Family, columns
from activities.follow_ups.domain import Channel
from activities.follow_ups.store import FollowUpRow, follow_up
from activities.tasks.domain.task import Happening
from activities.tasks.store.task import task
from activities.tasks.store.task_event import task_event
from chassis.api.paging import Order, Page, Window, beyond, decode, encode
from chassis.policy.scope import Scope


@dataclass(frozen=True, slots=True)
class TaskEventRow:
    """An event in the life of a task."""

    id: TaskEventId
    customer: CustomerId
    task: TaskId
    happening: Happening
    title: str
    actor: UserId | None
    assignee: UserId
    occurred_at: datetime


Entry = FollowUpRow | TaskEventRow


@dataclass(frozen=True, slots=True)
class Selection:
    """The part of a timeline to read.

    `follow_ups` and `tasks` are the proofs that each kind may be read; a kind without one is left
    out.
    """

    follow_ups: Scope | None
    tasks: Scope | None
    window: Window
    since: datetime | None = None
    until: datetime | None = None


def of_customers(
    session: Session, selection: Selection, ids: Sequence[CustomerId]
) -> list[Page[Entry]]:
    """Return a page of the newest entries of each customer, in the order of the ids."""
    family = Family(ids)
    kinds: list[Select[Any]] = []
    if selection.follow_ups:
        kinds.append(_follow_ups(family, selection.follow_ups, selection))
    if selection.tasks:
        kinds.append(_task_events(family, selection.tasks, selection))
    if not kinds or not ids:
        return [_page([], selection.window) for _ in ids]
    entry = _newest(family, kinds, selection.window.first + 1)
    rows = session.execute(
        select(
            family.requested.c.id.label("requested"),
            family.root.c.customer_id.label("root"),
            entry,
        )
        .select_from(family.joined.join(entry, true()))
        .order_by(family.requested.c.id, entry.c.occurred_at.desc(), entry.c.id.desc())
    )
    rows_by_customer: dict[UUID, list[Row[Any]]] = {}
    for row in rows:
        rows_by_customer.setdefault(row.requested, []).append(row)
    return [_page(rows_by_customer.get(id, []), selection.window) for id in ids]


def _follow_ups(family: Family, scope: Scope, selection: Selection) -> Select[Any]:
    return (
        select(
            literal("follow_up").label("kind"),
            follow_up.c.id,
            follow_up.c.customer_id,
            follow_up.c.occurred_at,
            follow_up.c.author_id.label("actor_id"),
            follow_up.c.summary.label("summary"),
            follow_up.c.channel,
            follow_up.c.next_step,
            follow_up.c.next_due_at,
            follow_up.c.version,
            follow_up.c.created_at,
            follow_up.c.updated_at,
            cast(null(), Uuid).label("task_id"),
            cast(null(), Uuid).label("assignee_id"),
            cast(null(), String).label("happening"),
        )
        .where(
            follow_up.c.customer_id == family.member.c.customer_id,
            scope.where(columns(family.root)),
            _within(selection, follow_up.c.occurred_at, follow_up.c.id),
        )
        .order_by(follow_up.c.occurred_at.desc(), follow_up.c.id.desc())
    )


def _task_events(family: Family, scope: Scope, selection: Selection) -> Select[Any]:
    assigned = task.c.assignee_id == scope.actor.user_id
    moment = DateTime(timezone=True)
    return (
        select(
            literal("task_event").label("kind"),
            task_event.c.id,
            task_event.c.customer_id,
            task_event.c.occurred_at,
            task_event.c.actor_id,
            task.c.title.label("summary"),
            cast(null(), String).label("channel"),
            cast(null(), Text).label("next_step"),
            cast(null(), moment).label("next_due_at"),
            cast(null(), Integer).label("version"),
            cast(null(), moment).label("created_at"),
            cast(null(), moment).label("updated_at"),
            task_event.c.task_id,
            task_event.c.assignee_id,
            task_event.c.happening,
        )
        .join_from(task_event, task, task.c.id == task_event.c.task_id)
        .where(
            task_event.c.customer_id == family.member.c.customer_id,
            or_(assigned, scope.where(columns(family.root))),
            _within(selection, task_event.c.occurred_at, task_event.c.id),
        )
        .order_by(task_event.c.occurred_at.desc(), task_event.c.id.desc())
    )


def _within(
    selection: Selection, occurred_at: ColumnElement[datetime], id: ColumnElement[UUID]
) -> ColumnElement[bool]:
    terms: list[ColumnElement[bool]] = []
    if selection.window.after is not None:
        order: Order = [(occurred_at, "desc"), (id, "desc")]
        terms.append(beyond(order, decode(selection.window.after, order)))
    if selection.since:
        terms.append(occurred_at >= selection.since)
    if selection.until:
        terms.append(occurred_at < selection.until)
    return and_(true(), *terms)


def _newest(family: Family, kinds: Sequence[Select[Any]], limit: int) -> LateralFromClause:
    """Return the newest rows among a page of each kind of each member of the family."""
    merged = union_all(*(_of_members(family, kind, limit) for kind in kinds)).subquery("merged")
    return (
        select(merged)
        .order_by(merged.c.occurred_at.desc(), merged.c.id.desc())
        .limit(limit)
        .lateral("entry")
    )


def _of_members(family: Family, kind: Select[Any], limit: int) -> Select[Any]:
    page_of_member = kind.limit(limit).correlate(family.root, family.member).lateral()
    return (
        select(page_of_member)
        .select_from(family.member.join(page_of_member, true()))
        .where(family.same_root)
        .correlate(family.root)
    )


def _page(rows: Sequence[Row[Any]], window: Window) -> Page[Entry]:
    shown = rows[: window.first]
    return Page(
        rows=[_entry(row) for row in shown],
        cursors=[encode([row.occurred_at, row.id]) for row in shown],
        has_next=len(rows) > window.first,
        has_previous=window.after is not None,
    )


def _entry(row: Row[Any]) -> Entry:
    if row.kind == "follow_up":
        return FollowUpRow(
            id=FollowUpId(row.id),
            customer=CustomerId(row.root),
            written_for=CustomerId(row.customer_id),
            author=UserId(row.actor_id),
            channel=Channel(row.channel),
            summary=row.summary,
            occurred_at=row.occurred_at,
            next_step=row.next_step,
            next_due_at=row.next_due_at,
            version=row.version,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )
    return TaskEventRow(
        id=TaskEventId(row.id),
        customer=CustomerId(row.root),
        task=TaskId(row.task_id),
        happening=Happening(row.happening),
        title=row.summary,
        actor=UserId(row.actor_id) if row.actor_id else None,
        assignee=UserId(row.assignee_id),
        occurred_at=row.occurred_at,
    )
