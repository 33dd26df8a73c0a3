"""The timeline of many customers in one query: follow-ups and what happened to tasks, newest first.

Both tables are walked backwards along their (customer, time) index, a page of each is merged, and
the rest is never read. The same shape counts open tasks and finds the last contact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    func,
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
from activities.tasks.domain.task import Happening, Status
from activities.tasks.store.task import task
from activities.tasks.store.task_event import task_event
from chassis.api.paging import Order, Page, Window, beyond, decode, encode
from chassis.policy.guard import Scope


@dataclass(frozen=True, slots=True)
class TaskEventRow:
    """Something that happened to a task."""

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
class Ask:
    """Which part of a timeline is wanted. `follow_ups` and `tasks` are the proofs that each kind
    may be read; a kind without one is left out."""

    follow_ups: Scope | None
    tasks: Scope | None
    window: Window
    since: datetime | None = None
    until: datetime | None = None


def of_customers(session: Session, ask: Ask, ids: Sequence[CustomerId]) -> list[Page[Entry]]:
    """The newest entries of each of these customers, in the order of the ids."""
    family = Family(ids)
    kinds: list[Select[Any]] = []
    if ask.follow_ups:
        kinds.append(_follow_ups(family, ask.follow_ups, ask))
    if ask.tasks:
        kinds.append(_task_events(family, ask.tasks, ask))
    if not kinds or not ids:
        return [_cut([], ask.window) for _ in ids]
    entry = _newest(family, kinds, ask.window.first + 1)
    rows = session.execute(
        select(family.asked.c.id.label("asked"), family.root.c.customer_id.label("root"), entry)
        .select_from(family.joined.join(entry, true()))
        .order_by(family.asked.c.id, entry.c.occurred_at.desc(), entry.c.id.desc())
    )
    found: dict[UUID, list[Row[Any]]] = {}
    for row in rows:
        found.setdefault(row.asked, []).append(row)
    return [_cut(found.get(id, []), ask.window) for id in ids]


def last_contacted(
    session: Session, scope: Scope, ids: Sequence[CustomerId]
) -> list[datetime | None]:
    """When each of these customers was last talked to."""
    family = Family(ids)
    latest = (
        select(follow_up.c.occurred_at.label("value"))
        .where(follow_up.c.customer_id == family.member.c.customer_id)
        .order_by(follow_up.c.occurred_at.desc())
        .limit(1)
        .lateral()
    )
    of_family = (
        select(func.max(latest.c.value).label("value"))
        .select_from(family.member.join(latest, true()))
        .where(family.same_root, scope.where(columns(family.root)))
        .lateral("found")
    )
    return _one_each(session, family, of_family, ids)


def open_tasks(session: Session, scope: Scope, ids: Sequence[CustomerId]) -> list[int]:
    """How many tasks of each of these customers are open."""
    family = Family(ids)
    mine = task.c.assignee_id == scope.actor.user_id
    counted = (
        select(func.count().label("value"))
        .select_from(task)
        .join(family.member, family.member.c.customer_id == task.c.customer_id)
        .where(family.same_root, task.c.status == Status.OPEN.value)
        .where(or_(mine, scope.where(columns(family.root))))
        .lateral("found")
    )
    return [n or 0 for n in _one_each(session, family, counted, ids)]


def _one_each(
    session: Session, family: Family, found: LateralFromClause, ids: Sequence[CustomerId]
) -> list[Any]:
    rows = session.execute(
        select(family.asked.c.id, found.c.value).select_from(family.joined.join(found, true()))
    )
    values: Mapping[UUID, Any] = {row[0]: row[1] for row in rows}
    return [values.get(id) for id in ids]


def _follow_ups(family: Family, scope: Scope, ask: Ask) -> Select[Any]:
    f = follow_up.c
    return (
        select(
            literal("follow_up").label("kind"),
            f.id,
            f.customer_id,
            f.occurred_at,
            f.author_id.label("actor_id"),
            f.summary.label("words"),
            f.channel,
            f.next_step,
            f.next_due_at,
            f.version,
            f.created_at,
            f.updated_at,
            cast(null(), Uuid).label("task_id"),
            cast(null(), Uuid).label("assignee_id"),
            cast(null(), String).label("happening"),
        )
        .where(
            f.customer_id == family.member.c.customer_id,
            scope.where(columns(family.root)),
            _within(ask, f.occurred_at, f.id),
        )
        .order_by(f.occurred_at.desc(), f.id.desc())
    )


def _task_events(family: Family, scope: Scope, ask: Ask) -> Select[Any]:
    e = task_event.c
    mine = task.c.assignee_id == scope.actor.user_id
    moment = DateTime(timezone=True)
    return (
        select(
            literal("task_event").label("kind"),
            e.id,
            e.customer_id,
            e.occurred_at,
            e.actor_id,
            task.c.title.label("words"),
            cast(null(), String).label("channel"),
            cast(null(), Text).label("next_step"),
            cast(null(), moment).label("next_due_at"),
            cast(null(), Integer).label("version"),
            cast(null(), moment).label("created_at"),
            cast(null(), moment).label("updated_at"),
            e.task_id,
            e.assignee_id,
            e.happening,
        )
        .join_from(task_event, task, task.c.id == e.task_id)
        .where(
            e.customer_id == family.member.c.customer_id,
            or_(mine, scope.where(columns(family.root))),
            _within(ask, e.occurred_at, e.id),
        )
        .order_by(e.occurred_at.desc(), e.id.desc())
    )


def _within(
    ask: Ask, occurred_at: ColumnElement[datetime], id: ColumnElement[UUID]
) -> ColumnElement[bool]:
    terms: list[ColumnElement[bool]] = []
    if ask.window.after is not None:
        order: Order = [(occurred_at, "desc"), (id, "desc")]
        terms.append(beyond(order, decode(ask.window.after, order)))
    if ask.since:
        terms.append(occurred_at >= ask.since)
    if ask.until:
        terms.append(occurred_at < ask.until)
    return and_(true(), *terms)


def _newest(family: Family, kinds: Sequence[Select[Any]], limit: int) -> LateralFromClause:
    """A page of each kind of each member of the family, and of all these the newest."""
    merged = union_all(*(_of_members(family, kind, limit) for kind in kinds)).subquery("merged")
    return (
        select(merged)
        .order_by(merged.c.occurred_at.desc(), merged.c.id.desc())
        .limit(limit)
        .lateral("entry")
    )


def _of_members(family: Family, kind: Select[Any], limit: int) -> Select[Any]:
    page = kind.limit(limit).correlate(family.root, family.member).lateral()
    return (
        select(page)
        .select_from(family.member.join(page, true()))
        .where(family.same_root)
        .correlate(family.root)
    )


def _cut(rows: Sequence[Row[Any]], window: Window) -> Page[Entry]:
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
            summary=row.words,
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
        title=row.words,
        actor=UserId(row.actor_id) if row.actor_id else None,
        assignee=UserId(row.assignee_id),
        occurred_at=row.occurred_at,
    )
