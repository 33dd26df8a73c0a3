"""Store alerts, and how far the ledger has been watched."""

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
alert_watch = Table("alert_watch", metadata, Column("sequence", BigInteger, nullable=False))
_TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtext('access alerts'))")


def lock_watch(session: Session) -> int | None:
    """Return the number of the last watched event, for one process at a time.

    None if another process holds the lock.
    """
    if not session.execute(_TRY_LOCK).scalar_one():
        return None
    return int(session.execute(select(alert_watch.c.sequence)).scalar_one())


def record_watched(session: Session, sequence: int) -> None:
    """Record up to which event the ledger has been watched."""
    session.execute(update(alert_watch).values(sequence=sequence))


def undecided(session: Session, kind: AlertKind, subject: UUID) -> AccessAlert | None:
    """Return the alert of a user that is not resolved yet, or None."""
    record = session.execute(
        select(access_alert).where(
            access_alert.c.kind == kind.value,
            access_alert.c.subject_id == subject,
            access_alert.c.status != AlertStatus.RESOLVED.value,
        )
    ).one_or_none()
    return _alert_row(record) if record else None


def resolved_until(session: Session, kind: AlertKind, subject: UUID) -> datetime | None:
    """Return until when the behaviour of a user is covered by resolved alerts, or None."""
    ends: datetime | None = session.execute(
        select(func.max(access_alert.c.ends)).where(
            access_alert.c.kind == kind.value,
            access_alert.c.subject_id == subject,
            access_alert.c.status == AlertStatus.RESOLVED.value,
        )
    ).scalar_one()
    return ends


def add(session: Session, values: dict[str, Any]) -> AccessAlertId:
    """Store a new alert and return its id."""
    inserted = session.execute(insert(access_alert).values(**values).returning(access_alert.c.id))
    return AccessAlertId(inserted.scalar_one())


def lock(session: Session, id: AccessAlertId) -> AccessAlert | None:
    """Return an alert and lock its row until the transaction ends."""
    statement = select(access_alert).where(access_alert.c.id == id).with_for_update()
    record = session.execute(statement).one_or_none()
    return _alert_row(record) if record else None


def change(session: Session, id: AccessAlertId, **values: Any) -> None:
    """Set columns of an alert and raise its version."""
    session.execute(
        update(access_alert)
        .where(access_alert.c.id == id)
        .values(**values, version=access_alert.c.version + 1)
    )


def by_id(session: Session, scope: Scope, id: AccessAlertId) -> AccessAlert | None:
    """Return an alert, or None."""
    assert scope.object == "AccessAlert"
    record = session.execute(select(access_alert).where(access_alert.c.id == id)).one_or_none()
    return _alert_row(record) if record else None


def list_alerts(
    session: Session, scope: Scope, filter: AlertFilter, window: Window
) -> Page[AccessAlert]:
    """Return a page of alerts, the newest first."""
    assert scope.object == "AccessAlert"
    statement = select(access_alert)
    if filter.statuses:
        statement = statement.where(
            access_alert.c.status.in_([status.value for status in filter.statuses])
        )
    if filter.kind is not None:
        statement = statement.where(access_alert.c.kind == filter.kind.value)
    if filter.subject is not None:
        statement = statement.where(access_alert.c.subject_id == filter.subject)
    order: Any = [(access_alert.c.raised_at, "desc"), (access_alert.c.id, "desc")]
    page_of_records = page(session, statement, order=order, window=window)
    return page_of_records.map(_alert_row)


def _alert_row(record: Row[Any]) -> AccessAlert:
    """Build an alert from a selected row."""
    return AccessAlert(
        id=AccessAlertId(record.id),
        kind=AlertKind(record.kind),
        subject=record.subject_id,
        status=AlertStatus(record.status),
        measure=record.measure,
        threshold=record.threshold,
        usual=record.usual,
        begins=record.begins,
        ends=record.ends,
        raised_at=record.raised_at,
        note=record.note,
        decided_by=record.decided_by,
        decided_at=record.decided_at,
        version=record.version,
    )
