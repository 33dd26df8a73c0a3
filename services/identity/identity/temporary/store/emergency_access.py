"""Emergency accesses as rows: which are open now, and which wait for a review."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Column,
    ColumnElement,
    DateTime,
    Row,
    Table,
    Text,
    Uuid,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.orm import Session

from chassis.api.paging import Page, Window
from chassis.policy.row_scopes import RowColumns
from chassis.policy.scope import Scope
from identity.core.domain.ids import EmergencyAccessId, UserId
from identity.core.store.metadata import metadata
from identity.people.store.user import user
from identity.temporary.domain.emergency_access import Verdict
from identity.temporary.store.timed_grant import TimedGrants, is_open

emergency_access = Table(
    "emergency_access",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=func.uuidv7()),
    Column("user_id", Uuid, nullable=False),
    Column("customer_id", Uuid, nullable=False),
    Column("reason", Text, nullable=False),
    Column("taken_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("until", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("ended_by", Uuid),
    Column("verdict", Text),
    Column("note", Text, nullable=False, server_default=""),
    Column("reviewed_by", Uuid),
    Column("reviewed_at", DateTime(timezone=True)),
)


@dataclass(frozen=True, slots=True)
class EmergencyRow:
    """One emergency access and its review."""

    id: EmergencyAccessId
    user: UserId
    customer: UUID
    reason: str
    taken_at: datetime
    until: datetime
    ended_at: datetime | None
    open: bool
    verdict: Verdict | None
    note: str
    reviewed_by: UserId | None
    reviewed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Filter:
    """The conditions of a list of emergency accesses; `None` and `False` set no condition."""

    user: UserId | None = None
    customer: UUID | None = None
    open_only: bool = False
    unreviewed_only: bool = False


def read_row(selected: Row[Any]) -> EmergencyRow:
    """Convert a selected row to a value."""
    return EmergencyRow(
        id=EmergencyAccessId(selected.id),
        user=UserId(selected.user_id),
        customer=selected.customer_id,
        reason=selected.reason,
        taken_at=selected.taken_at,
        until=selected.until,
        ended_at=selected.ended_at,
        open=selected.open,
        verdict=Verdict(selected.verdict) if selected.verdict else None,
        note=selected.note,
        reviewed_by=UserId(selected.reviewed_by) if selected.reviewed_by else None,
        reviewed_at=selected.reviewed_at,
    )


grants = TimedGrants(
    table=emergency_access,
    owner=emergency_access.c.user_id,
    begins=emergency_access.c.taken_at,
    access=RowColumns(owner=emergency_access.c.user_id, department=user.c.department_id),
    computed=is_open(emergency_access).label("open"),
    read=read_row,
)


def listed(session: Session, scope: Scope, filter: Filter, window: Window) -> Page[EmergencyRow]:
    """Return one page of emergency accesses, the latest first."""
    return grants.page(session, scope, _conditions(filter), window)


def _conditions(filter: Filter) -> Iterator[ColumnElement[bool]]:
    if filter.user is not None:
        yield emergency_access.c.user_id == filter.user
    if filter.customer is not None:
        yield emergency_access.c.customer_id == filter.customer
    if filter.open_only:
        yield is_open(emergency_access)
    if filter.unreviewed_only:
        yield emergency_access.c.verdict.is_(None)


def open_count(session: Session, user_id: UserId) -> int:
    """Return how many emergency accesses of a user are open now."""
    statement = select(func.count()).where(
        emergency_access.c.user_id == user_id, is_open(emergency_access)
    )
    return int(session.execute(statement).scalar_one())


def add(
    session: Session, user_id: UserId, customer: UUID, reason: str, duration: timedelta
) -> EmergencyAccessId:
    """Insert an emergency access that begins now, by the database's clock; return its id."""
    id: UUID = session.execute(
        insert(emergency_access)
        .values(user_id=user_id, customer_id=customer, reason=reason, until=func.now() + duration)
        .returning(emergency_access.c.id)
    ).scalar_one()
    return EmergencyAccessId(id)


def end_all(session: Session, user_id: UserId, ended_by: UserId) -> int:
    """End all open emergency accesses of a user; return how many there were."""
    return grants.end_all(session, emergency_access.c.user_id == user_id, ended_by)


def review(
    session: Session, id: EmergencyAccessId, verdict: Verdict, note: str, reviewed_by: UserId
) -> None:
    """Store the verdict of the reviewer."""
    session.execute(
        update(emergency_access)
        .where(emergency_access.c.id == id)
        .values(verdict=verdict.value, note=note, reviewed_by=reviewed_by, reviewed_at=func.now())
    )
