"""Delegations as rows. To row scopes the giver owns one, and the taker helps with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
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
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, array
from sqlalchemy.orm import Session

from chassis.api.paging import Page, Window, page
from chassis.policy.row_scopes import RowColumns
from chassis.policy.scope import Scope
from identity.core.domain.ids import DelegationId, UserId
from identity.core.store.metadata import metadata
from identity.people.store.user import user
from identity.temporary.domain.delegation import DelegationState, Span

delegation = Table(
    "delegation",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=func.uuidv7()),
    Column("giver_id", Uuid, nullable=False),
    Column("taker_id", Uuid, nullable=False),
    Column("since", DateTime(timezone=True), nullable=False),
    Column("until", DateTime(timezone=True), nullable=False),
    Column("roles", ARRAY(Text)),
    Column("customers", ARRAY(Uuid)),
    Column("note", Text, nullable=False, server_default=""),
    Column("created_by", Uuid, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("ended_by", Uuid),
    Column("ended_at", DateTime(timezone=True)),
)
_OPEN = and_(delegation.c.ended_at.is_(None), delegation.c.until > func.now())
_COLUMNS = RowColumns(
    owner=delegation.c.giver_id,
    department=user.c.department_id,
    collaborators=array([delegation.c.taker_id]),
)


@dataclass(frozen=True, slots=True)
class DelegationRow:
    """A delegation."""

    id: DelegationId
    giver: UserId
    taker: UserId
    since: datetime
    until: datetime
    roles: tuple[str, ...] | None
    customers: tuple[UUID, ...] | None
    note: str
    created_by: UserId
    created_at: datetime
    ended_by: UserId | None
    ended_at: datetime | None
    state: DelegationState


@dataclass(frozen=True, slots=True)
class Filter:
    """Which delegations a list is about; what is left out does not matter."""

    giver: UserId | None = None
    taker: UserId | None = None
    open_only: bool = False


def visible(scope: Scope) -> Select[Any]:
    """All delegations that this scope may see."""
    return (
        select(delegation, func.now().label("now"))
        .join(user, user.c.id == delegation.c.giver_id)
        .where(scope.where(_COLUMNS))
    )


def listed(session: Session, scope: Scope, filter: Filter, window: Window) -> Page[DelegationRow]:
    """A page of delegations, the latest first."""
    found = page(
        session,
        visible(scope).where(*_conditions(filter)),
        order=[(delegation.c.since, "desc"), (delegation.c.id, "desc")],
        window=window,
    )
    return found.map(row)


def _conditions(filter: Filter) -> Iterator[ColumnElement[bool]]:
    if filter.giver is not None:
        yield delegation.c.giver_id == filter.giver
    if filter.taker is not None:
        yield delegation.c.taker_id == filter.taker
    if filter.open_only:
        yield _OPEN


def by_id(session: Session, scope: Scope, id: DelegationId) -> DelegationRow | None:
    """One delegation that may be seen."""
    one = session.execute(visible(scope).where(delegation.c.id == id)).one_or_none()
    return row(one) if one else None


def locked(session: Session, scope: Scope, id: DelegationId) -> DelegationRow | None:
    """One delegation, held until the transaction ends."""
    statement = visible(scope).where(delegation.c.id == id).with_for_update(of=delegation)
    one = session.execute(statement).one_or_none()
    return row(one) if one else None


def add(
    session: Session,
    *,
    giver: UserId,
    taker: UserId,
    span: Span,
    roles: Sequence[str] | None,
    customers: Sequence[UUID] | None,
    note: str,
    by: UserId,
) -> DelegationId:
    """Write a delegation down."""
    id: UUID = session.execute(
        insert(delegation)
        .values(
            giver_id=giver,
            taker_id=taker,
            since=span.since,
            until=span.until,
            roles=list(roles) if roles is not None else None,
            customers=list(customers) if customers is not None else None,
            note=note,
            created_by=by,
        )
        .returning(delegation.c.id)
    ).scalar_one()
    return DelegationId(id)


def overlapping(session: Session, giver: UserId, taker: UserId, span: Span) -> bool:
    """Whether the same two have one for some of this time already."""
    found = session.execute(
        select(delegation.c.id).where(
            delegation.c.giver_id == giver,
            delegation.c.taker_id == taker,
            delegation.c.ended_at.is_(None),
            delegation.c.since < span.until,
            delegation.c.until > span.since,
        )
    )
    return found.first() is not None


def end(session: Session, id: DelegationId, by: UserId) -> bool:
    """End one now; False if it was over already."""
    done = session.execute(
        update(delegation)
        .where(delegation.c.id == id, _OPEN)
        .values(ended_at=func.now(), ended_by=by)
        .returning(delegation.c.id)
    )
    return done.first() is not None


def of_user(whose: UserId) -> ColumnElement[bool]:
    """Present and planned ones that somebody gave or took."""
    return and_(or_(delegation.c.giver_id == whose, delegation.c.taker_id == whose), _OPEN)


def count_of(session: Session, whose: UserId) -> int:
    """How many somebody gave or took that are not over."""
    return int(session.execute(select(func.count()).where(of_user(whose))).scalar_one())


def end_all(session: Session, whose: UserId, by: UserId) -> int:
    """End all that somebody gave or took; answer how many."""
    done = session.execute(
        update(delegation)
        .where(of_user(whose))
        .values(ended_at=func.now(), ended_by=by)
        .returning(delegation.c.id)
    )
    return len(done.all())


def row(found: Row[Any]) -> DelegationRow:
    """A row of `visible` as a value."""
    over = found.ended_at is not None or found.until <= found.now
    planned = DelegationState.PLANNED if found.since > found.now else DelegationState.ACTIVE
    return DelegationRow(
        id=DelegationId(found.id),
        giver=UserId(found.giver_id),
        taker=UserId(found.taker_id),
        since=found.since,
        until=found.until,
        roles=None if found.roles is None else tuple(found.roles),
        customers=None if found.customers is None else tuple(found.customers),
        note=found.note,
        created_by=UserId(found.created_by),
        created_at=found.created_at,
        ended_by=UserId(found.ended_by) if found.ended_by else None,
        ended_at=found.ended_at,
        state=DelegationState.OVER if over else planned,
    )
