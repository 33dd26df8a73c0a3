"""What a user has that ends when they leave, and the records of off-boarding."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Column,
    DateTime,
    Table,
    Text,
    Uuid,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from identity.core.domain.ids import DepartmentId, UserId
from identity.core.store.metadata import metadata
from identity.lifecycle.domain import Kind
from identity.people.store.department import department
from identity.people.store.project import project

off_boarding = Table(
    "off_boarding",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=func.uuidv7()),
    Column("user_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("plan", JSONB, nullable=False),
    Column("ended", JSONB, nullable=False),
    Column("actor_id", Uuid, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)


@dataclass(frozen=True, slots=True)
class Holdings:
    """Counts of what a user has in this service that ends, or needs another lead or head."""

    sessions: int
    api_clients: int
    delegations: int
    emergency_accesses: int
    projects: int
    leads: int
    heads: int


@dataclass(frozen=True, slots=True)
class OffBoardingRow:
    """One off-boarding or change of job."""

    id: UUID
    user: UserId
    kind: Kind
    ended: Holdings
    at: datetime


_HOLDINGS = text(
    """
    SELECT
      (SELECT count(*) FROM session
        WHERE user_id = :id AND ended_at IS NULL AND expires_at > now()),
      (SELECT count(*) FROM api_client
        WHERE user_id = :id AND revoked_at IS NULL AND expires_at > now()),
      (SELECT count(*) FROM delegation WHERE (giver_id = :id OR taker_id = :id)
        AND ended_at IS NULL AND until > now()),
      (SELECT count(*) FROM emergency_access
        WHERE user_id = :id AND ended_at IS NULL AND until > now()),
      (SELECT count(*) FROM project_member WHERE user_id = :id),
      (SELECT count(*) FROM project WHERE lead_id = :id AND coalesce(ends_at > now(), true)),
      (SELECT count(*) FROM department WHERE head_id = :id)
    """
)


def holdings(session: Session, id: UserId) -> Holdings:
    """Count what a user has now."""
    return Holdings(*session.execute(_HOLDINGS, {"id": id}).one())


def heads(session: Session) -> dict[DepartmentId, UserId]:
    """Return the head of each department that has one."""
    rows = session.execute(
        select(department.c.id, department.c.head_id).where(department.c.head_id.is_not(None))
    )
    return {DepartmentId(row.id): UserId(row.head_id) for row in rows}


def remove_head(session: Session, id: UserId) -> None:
    """Remove a user as the head of every department."""
    counted = {"version": department.c.version + 1, "updated_at": func.now()}
    session.execute(
        update(department).where(department.c.head_id == id).values(counted | {"head_id": None})
    )


def remove_lead(session: Session, id: UserId) -> None:
    """Remove a user as the lead of every project."""
    counted = {"version": project.c.version + 1, "updated_at": func.now()}
    session.execute(
        update(project).where(project.c.lead_id == id).values(counted | {"lead_id": None})
    )


def add(
    session: Session,
    user: UserId,
    kind: Kind,
    plan: dict[str, Any],
    ended: Holdings,
    actor: UserId,
) -> UUID:
    """Insert the record of an off-boarding and return its id."""
    id: UUID = session.execute(
        insert(off_boarding)
        .values(user_id=user, kind=kind.value, plan=plan, ended=asdict(ended), actor_id=actor)
        .returning(off_boarding.c.id)
    ).scalar_one()
    return id


def latest(session: Session, user: UserId) -> OffBoardingRow | None:
    """Return the latest off-boarding or change of job of a user."""
    row = session.execute(
        select(off_boarding)
        .where(off_boarding.c.user_id == user)
        .order_by(off_boarding.c.at.desc(), off_boarding.c.id.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    return OffBoardingRow(
        row.id, UserId(row.user_id), Kind(row.kind), Holdings(**row.ended), row.at
    )
