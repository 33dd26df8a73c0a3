"""Alerts as rows, and how far the ledger has been watched."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Float,
    Integer,
    Row,
    Table,
    Text,
    Uuid,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.orm import Session

from chassis.api.paging import Page, Window, page
from chassis.policy.scope import Scope
from identity.core.domain.ids import AccessAlertId
from identity.core.store.metadata import metadata
from identity.ledger.domain.access_alert import AccessAlert, AlertFilter, AlertStatus
from identity.ledger.domain.alert_rule import AlertKind

access_alert = Table(
    "access_alert",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=text("uuidv7()")),
    Column("kind", Text, nullable=False),
    Column("subject_id", Uuid, nullable=False),
    Column("status", Text, nullable=False, server_default=text("'OPEN'")),
    Column("measure", Integer, nullable=False),
    Column("threshold", Integer, nullable=False),
    Column("usual", Float),
    Column("begins", DateTime(timezone=True), nullable=False),
    Column("ends", DateTime(timezone=True), nullable=False),
    Column("raised_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("note", Text, nullable=False, server_default=text("''")),
    Column("decided_by", Uuid),
    Column("decided_at", DateTime(timezone=True)),
    Column("version", Integer, nullable=False, server_default=text("1")),
)
watch = Table("alert_watch", metadata, Column("sequence", BigInteger, nullable=False))
_TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtext('access alerts'))")


def hold_watch(session: Session) -> int | None:
    """Up to which event the ledger was watched, for one process at a time; None: another has it."""
    if not session.execute(_TRY_LOCK).scalar_one():
        return None
    return int(session.execute(select(watch.c.sequence)).scalar_one())


def watched(session: Session, sequence: int) -> None:
    """The ledger was watched up to here."""
    session.execute(update(watch).values(sequence=sequence))


def standing(session: Session, kind: AlertKind, subject: UUID) -> AccessAlert | None:
    """The alert that somebody still has to decide, if there is one."""
    found = session.execute(
        select(access_alert).where(
            access_alert.c.kind == kind.value,
            access_alert.c.subject_id == subject,
            access_alert.c.status != AlertStatus.RESOLVED.value,
        )
    ).one_or_none()
    return _alert(found) if found else None


def resolved_until(session: Session, kind: AlertKind, subject: UUID) -> datetime | None:
    """Until when what somebody did has been looked at and done with."""
    found: datetime | None = session.execute(
        select(func.max(access_alert.c.ends)).where(
            access_alert.c.kind == kind.value,
            access_alert.c.subject_id == subject,
            access_alert.c.status == AlertStatus.RESOLVED.value,
        )
    ).scalar_one()
    return found


def add(session: Session, values: dict[str, Any]) -> AccessAlertId:
    """Raise one."""
    made = session.execute(insert(access_alert).values(**values).returning(access_alert.c.id))
    return AccessAlertId(made.scalar_one())


def hold(session: Session, id: AccessAlertId) -> AccessAlert | None:
    """One alert, locked until the change is committed."""
    asked = select(access_alert).where(access_alert.c.id == id).with_for_update()
    found = session.execute(asked).one_or_none()
    return _alert(found) if found else None


def change(session: Session, id: AccessAlertId, **values: Any) -> None:
    """Change one; its version grows."""
    session.execute(
        update(access_alert)
        .where(access_alert.c.id == id)
        .values(**values, version=access_alert.c.version + 1)
    )


def by_id(session: Session, scope: Scope, id: AccessAlertId) -> AccessAlert | None:
    """One alert."""
    assert scope.object == "AccessAlert"
    found = session.execute(select(access_alert).where(access_alert.c.id == id)).one_or_none()
    return _alert(found) if found else None


def listed(
    session: Session, scope: Scope, filter: AlertFilter, window: Window
) -> Page[AccessAlert]:
    """A page of alerts, the newest first."""
    assert scope.object == "AccessAlert"
    statement = select(access_alert)
    if filter.statuses:
        statement = statement.where(access_alert.c.status.in_([s.value for s in filter.statuses]))
    if filter.kind is not None:
        statement = statement.where(access_alert.c.kind == filter.kind.value)
    if filter.subject is not None:
        statement = statement.where(access_alert.c.subject_id == filter.subject)
    order: Any = [(access_alert.c.raised_at, "desc"), (access_alert.c.id, "desc")]
    found = page(session, statement, order=order, window=window)
    return found.map(_alert)


def _alert(found: Row[Any]) -> AccessAlert:
    return AccessAlert(
        id=AccessAlertId(found.id),
        kind=AlertKind(found.kind),
        subject=found.subject_id,
        status=AlertStatus(found.status),
        measure=found.measure,
        threshold=found.threshold,
        usual=found.usual,
        begins=found.begins,
        ends=found.ends,
        raised_at=found.raised_at,
        note=found.note,
        decided_by=found.decided_by,
        decided_at=found.decided_at,
        version=found.version,
    )
