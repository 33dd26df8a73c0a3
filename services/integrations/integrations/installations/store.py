"""Installations: connectors with a configuration and sealed credentials, and their revisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Select,
    Table,
    Text,
    Uuid,
    func,
    null,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Session

from chassis.db import among, in_order
from chassis.policy.row_scopes import RowColumns
from chassis.policy.scope import Scope
from integrations.core.store.metadata import metadata

installation = Table(
    "installation",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=text("uuidv7()")),
    Column("connector", Text, nullable=False),
    # The name claims use for the source: the connector, or the id of its spec.
    Column("system", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("configuration", JSONB, nullable=False),
    Column("credentials", LargeBinary),
    Column("credential_names", ARRAY(Text), nullable=False, server_default="{}"),
    Column("credentials_changed_at", DateTime(timezone=True)),
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("state", Text, nullable=False, server_default="ACTIVE"),
    Column("priority", Integer, nullable=False, server_default="100"),
    Column("interval_seconds", Integer),
    Column("next_due_at", DateTime(timezone=True)),
    Column("created_by", Uuid, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    CheckConstraint("state IN ('ACTIVE', 'PAUSED')"),
    Index("installation_name", func.lower(text("name")), unique=True),
    Index("installation_due", "next_due_at", postgresql_where=text("state = 'ACTIVE'")),
)

installation_revision = Table(
    "installation_revision",
    metadata,
    Column("installation_id", ForeignKey("installation.id"), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("configuration", JSONB, nullable=False),
    Column("interval_seconds", Integer),
    Column("priority", Integer, nullable=False),
    Column("credentials_changed", Integer, nullable=False, server_default="0"),
    Column("changed_by", Uuid, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

stream_state = Table(
    "stream_state",
    metadata,
    Column("installation_id", ForeignKey("installation.id"), primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("watermark", JSONB),
    Column("completed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("run_id", Uuid, nullable=False),
)


@dataclass(frozen=True, slots=True)
class InstallationRow:
    """An installation without its credentials."""

    id: UUID
    connector: str
    system: str
    name: str
    configuration: dict[str, Any]
    credential_names: list[str]
    credentials_changed_at: datetime | None
    revision: int
    state: str
    priority: int
    interval_seconds: int | None
    next_due_at: datetime | None
    created_by: UUID
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class RevisionRow:
    """The set-up of an installation at one revision."""

    revision: int
    name: str
    configuration: dict[str, Any]
    interval_seconds: int | None
    priority: int
    credentials_changed: int
    changed_by: UUID
    changed_at: datetime


_COLUMNS = [installation.c[name] for name in InstallationRow.__dataclass_fields__]
# An installation belongs to the user who created it and to no department.
_ROWS = RowColumns(owner=installation.c.created_by, department=null())


def all_rows(scope: Scope) -> Select[Any]:
    """Return the statement for installations in the scope, to be paged."""
    return select(*_COLUMNS).where(scope.where(_ROWS))


def by_ids(session: Session, scope: Scope, ids: Sequence[UUID]) -> list[InstallationRow | None]:
    """Return installations in the order of the ids, `None` for those outside the scope."""
    rows = session.execute(all_rows(scope).where(among(installation.c.id, ids)))
    return in_order(ids, (InstallationRow(*row) for row in rows), lambda row: row.id)


def read(session: Session, id: UUID) -> InstallationRow | None:
    """Return an installation without a scope, for the engine, which acts for no user."""
    row = session.execute(select(*_COLUMNS).where(installation.c.id == id)).one_or_none()
    return InstallationRow(*row) if row else None


def locked(session: Session, scope: Scope, id: UUID) -> InstallationRow | None:
    """Return an installation, locked until the transaction ends; `None` outside the scope."""
    row = session.execute(
        all_rows(scope).where(installation.c.id == id).with_for_update()
    ).one_or_none()
    return InstallationRow(*row) if row else None


def sealed_credentials(session: Session, id: UUID) -> bytes | None:
    """Return the sealed credentials of an installation."""
    return session.execute(
        select(installation.c.credentials).where(installation.c.id == id)
    ).scalar_one_or_none()


def revisions(session: Session, ids: Sequence[UUID]) -> dict[UUID, list[RevisionRow]]:
    """Return all revisions by installation, newest first."""
    table = installation_revision
    columns = [table.c[name] for name in RevisionRow.__dataclass_fields__]
    rows = session.execute(
        select(table.c.installation_id, *columns)
        .where(among(table.c.installation_id, ids))
        .order_by(table.c.revision.desc())
    )
    revisions: dict[UUID, list[RevisionRow]] = {}
    for id, *values in rows:
        revisions.setdefault(id, []).append(RevisionRow(*values))
    return revisions


def configuration_at(session: Session, id: UUID, revision: int) -> dict[str, Any]:
    """Return the configuration at a revision, which a run keeps although it is changed later."""
    table = installation_revision
    configuration: dict[str, Any] = session.execute(
        select(table.c.configuration).where(
            table.c.installation_id == id, table.c.revision == revision
        )
    ).scalar_one()
    return configuration


def watermarks(session: Session, id: UUID) -> dict[str, Any]:
    """Return the watermark of the last complete run by stream."""
    rows = session.execute(
        select(stream_state.c.stream, stream_state.c.watermark).where(
            stream_state.c.installation_id == id
        )
    )
    return {row[0]: row[1] for row in rows}
