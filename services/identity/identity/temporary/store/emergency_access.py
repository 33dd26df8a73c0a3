"""Emergency access as rows: what is open now, and what nobody has reviewed yet."""

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
    Select,
    Table,
    Text,
    Uuid,
    and_,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.orm import Session

from chassis.api.paging import Page, Window, page
from chassis.policy.row_scopes import RowColumns
from chassis.policy.scope import Scope
from identity.core.domain.ids import EmergencyAccessId, UserId
from identity.core.store.metadata import metadata
from identity.people.store.user import user
from identity.temporary.domain.emergency_access import Verdict

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
_OPEN = and_(emergency_access.c.ended_at.is_(None), emergency_access.c.until > func.now())
_COLUMNS = RowColumns(owner=emergency_access.c.user_id, department=user.c.department_id)


@dataclass(frozen=True, slots=True)
class EmergencyRow:
    """One emergency access and what became of it."""

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
    """Which ones a list is about; what is left out does not matter."""

    user: UserId | None = None
    customer: UUID | None = None
    open_only: bool = False
    unreviewed_only: bool = False


def visible(scope: Scope) -> Select[Any]:
    """All emergency accesses that this scope may see."""
    return (
        select(emergency_access, _OPEN.label("open"))
        .join(user, user.c.id == emergency_access.c.user_id)
        .where(scope.where(_COLUMNS))
    )


def listed(session: Session, scope: Scope, filter: Filter, window: Window) -> Page[EmergencyRow]:
    """A page of them, the latest first."""
    found = page(
        session,
        visible(scope).where(*_conditions(filter)),
        order=[(emergency_access.c.taken_at, "desc"), (emergency_access.c.id, "desc")],
        window=window,
    )
    return found.map(row)


def _conditions(filter: Filter) -> Iterator[ColumnElement[bool]]:
    if filter.user is not None:
        yield emergency_access.c.user_id == filter.user
    if filter.customer is not None:
        yield emergency_access.c.customer_id == filter.customer
    if filter.open_only:
        yield _OPEN
    if filter.unreviewed_only:
        yield emergency_access.c.verdict.is_(None)


def by_id(session: Session, scope: Scope, id: EmergencyAccessId) -> EmergencyRow | None:
    """One that may be seen."""
    one = session.execute(visible(scope).where(emergency_access.c.id == id)).one_or_none()
    return row(one) if one else None


def locked(session: Session, scope: Scope, id: EmergencyAccessId) -> EmergencyRow | None:
    """One that may be seen, held until the transaction ends."""
    statement = visible(scope).where(emergency_access.c.id == id)
    one = session.execute(statement.with_for_update(of=emergency_access)).one_or_none()
    return row(one) if one else None


def open_count(session: Session, whose: UserId) -> int:
    """How many somebody has just now."""
    statement = select(func.count()).where(emergency_access.c.user_id == whose, _OPEN)
    return int(session.execute(statement).scalar_one())


def add(
    session: Session, whose: UserId, customer: UUID, reason: str, lasts: timedelta
) -> EmergencyAccessId:
    """Write one down; it begins now, by the database's clock."""
    id: UUID = session.execute(
        insert(emergency_access)
        .values(user_id=whose, customer_id=customer, reason=reason, until=func.now() + lasts)
        .returning(emergency_access.c.id)
    ).scalar_one()
    return EmergencyAccessId(id)


def end(session: Session, id: EmergencyAccessId, by: UserId) -> bool:
    """End one now; False if it was over already."""
    done = session.execute(
        update(emergency_access)
        .where(emergency_access.c.id == id, _OPEN)
        .values(ended_at=func.now(), ended_by=by)
        .returning(emergency_access.c.id)
    )
    return done.first() is not None


def end_all(session: Session, whose: UserId, by: UserId) -> int:
    """End all of somebody's; answer how many."""
    done = session.execute(
        update(emergency_access)
        .where(emergency_access.c.user_id == whose, _OPEN)
        .values(ended_at=func.now(), ended_by=by)
        .returning(emergency_access.c.id)
    )
    return len(done.all())


def review(
    session: Session, id: EmergencyAccessId, verdict: Verdict, note: str, by: UserId
) -> None:
    """Write down what somebody else thinks of it."""
    session.execute(
        update(emergency_access)
        .where(emergency_access.c.id == id)
        .values(verdict=verdict.value, note=note, reviewed_by=by, reviewed_at=func.now())
    )


def row(found: Row[Any]) -> EmergencyRow:
    """A row of `visible` as a value."""
    return EmergencyRow(
        id=EmergencyAccessId(found.id),
        user=UserId(found.user_id),
        customer=found.customer_id,
        reason=found.reason,
        taken_at=found.taken_at,
        until=found.until,
        ended_at=found.ended_at,
        open=found.open,
        verdict=Verdict(found.verdict) if found.verdict else None,
        note=found.note,
        reviewed_by=UserId(found.reviewed_by) if found.reviewed_by else None,
        reviewed_at=found.reviewed_at,
    )
