"""Delegations as rows. To row scopes the giver owns one, and the taker is a collaborator."""

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
    Table,
    Text,
    Uuid,
    func,
    insert,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, array
from sqlalchemy.orm import Session

from chassis.api.paging import Page, Window
from chassis.policy.row_scopes import RowColumns
from chassis.policy.scope import Scope
from identity.core.domain.ids import DelegationId, UserId
from identity.core.store.metadata import metadata
from identity.people.store.user import user
from identity.temporary.domain.delegation import DelegationState, Span
from identity.temporary.store.timed_grant import TimedGrants, is_open

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
    """The conditions of a list of delegations; `None` and `False` set no condition."""

    giver: UserId | None = None
    taker: UserId | None = None
    open_only: bool = False


def read_row(selected: Row[Any]) -> DelegationRow:
    """Convert a selected row to a value."""
    over = selected.ended_at is not None or selected.until <= selected.now
    planned = DelegationState.PLANNED if selected.since > selected.now else DelegationState.ACTIVE
    return DelegationRow(
        id=DelegationId(selected.id),
        giver=UserId(selected.giver_id),
        taker=UserId(selected.taker_id),
        since=selected.since,
        until=selected.until,
        roles=None if selected.roles is None else tuple(selected.roles),
        customers=None if selected.customers is None else tuple(selected.customers),
        note=selected.note,
        created_by=UserId(selected.created_by),
        created_at=selected.created_at,
        ended_by=UserId(selected.ended_by) if selected.ended_by else None,
        ended_at=selected.ended_at,
        state=DelegationState.OVER if over else planned,
    )


grants = TimedGrants(
    table=delegation,
    owner=delegation.c.giver_id,
    begins=delegation.c.since,
    access=RowColumns(
        owner=delegation.c.giver_id,
        department=user.c.department_id,
        collaborators=array([delegation.c.taker_id]),
    ),
    computed=func.now().label("now"),
    read=read_row,
)


def listed(session: Session, scope: Scope, filter: Filter, window: Window) -> Page[DelegationRow]:
    """Return one page of delegations, the latest first."""
    return grants.page(session, scope, _conditions(filter), window)


def _conditions(filter: Filter) -> Iterator[ColumnElement[bool]]:
    if filter.giver is not None:
        yield delegation.c.giver_id == filter.giver
    if filter.taker is not None:
        yield delegation.c.taker_id == filter.taker
    if filter.open_only:
        yield is_open(delegation)


def add(
    session: Session,
    *,
    giver: UserId,
    taker: UserId,
    span: Span,
    roles: Sequence[str] | None,
    customers: Sequence[UUID] | None,
    note: str,
    created_by: UserId,
) -> DelegationId:
    """Insert a delegation and return its id."""
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
            created_by=created_by,
        )
        .returning(delegation.c.id)
    ).scalar_one()
    return DelegationId(id)


def overlapping(session: Session, giver: UserId, taker: UserId, span: Span) -> bool:
    """Return whether the same two users have a delegation for part of this time already."""
    matches = session.execute(
        select(delegation.c.id).where(
            delegation.c.giver_id == giver,
            delegation.c.taker_id == taker,
            delegation.c.ended_at.is_(None),
            delegation.c.since < span.until,
            delegation.c.until > span.since,
        )
    )
    return matches.first() is not None


def end_all(session: Session, user_id: UserId, ended_by: UserId) -> int:
    """End all open delegations that a user gave or took; return how many there were."""
    condition = or_(delegation.c.giver_id == user_id, delegation.c.taker_id == user_id)
    return grants.end_all(session, condition, ended_by)
