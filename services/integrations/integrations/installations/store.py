"""Installations: a connector set up with its configuration and its sealed credentials."""

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
    # What claims call the source: the connector, or the id in a given spec.
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
    """How an installation was set up at one time."""

    revision: int
    name: str
    configuration: dict[str, Any]
    interval_seconds: int | None
    priority: int
    credentials_changed: int
    changed_by: UUID
    changed_at: datetime


_SHOWN = [installation.c[each] for each in InstallationRow.__dataclass_fields__]
# An installation belongs to whoever made it and to no department.
_ROWS = RowColumns(owner=installation.c.created_by, department=null())


def all_rows(scope: Scope) -> Select[Any]:
    """Installations in the scope, to be paged."""
    return select(*_SHOWN).where(scope.where(_ROWS))


def by_ids(session: Session, scope: Scope, ids: Sequence[UUID]) -> list[InstallationRow | None]:
    """In the order of the ids."""
    found = session.execute(all_rows(scope).where(among(installation.c.id, ids)))
    return in_order(ids, (InstallationRow(*row) for row in found), lambda row: row.id)


def read(session: Session, id: UUID) -> InstallationRow | None:
    """For the engine, which serves nobody in particular."""
    row = session.execute(select(*_SHOWN).where(installation.c.id == id)).one_or_none()
    return InstallationRow(*row) if row else None


def locked(session: Session, scope: Scope, id: UUID) -> InstallationRow | None:
    """The same, held until the transaction ends."""
    row = session.execute(
        all_rows(scope).where(installation.c.id == id).with_for_update()
    ).one_or_none()
    return InstallationRow(*row) if row else None


def sealed_credentials(session: Session, id: UUID) -> bytes | None:
    return session.execute(
        select(installation.c.credentials).where(installation.c.id == id)
    ).scalar_one_or_none()


def revisions(session: Session, ids: Sequence[UUID]) -> dict[UUID, list[RevisionRow]]:
    """All revisions of these installations, the newest first."""
    table = installation_revision
    columns = [table.c[each] for each in RevisionRow.__dataclass_fields__]
    found = session.execute(
        select(table.c.installation_id, *columns)
        .where(among(table.c.installation_id, ids))
        .order_by(table.c.revision.desc())
    )
    answer: dict[UUID, list[RevisionRow]] = {}
    for id, *row in found:
        answer.setdefault(id, []).append(RevisionRow(*row))
    return answer


def configuration_at(session: Session, id: UUID, revision: int) -> dict[str, Any]:
    """The configuration a run began with, whatever was changed since."""
    table = installation_revision
    said: dict[str, Any] = session.execute(
        select(table.c.configuration).where(
            table.c.installation_id == id, table.c.revision == revision
        )
    ).scalar_one()
    return said


def watermarks(session: Session, id: UUID) -> dict[str, Any]:
    """How far each stream was read by a complete run."""
    found = session.execute(
        select(stream_state.c.stream, stream_state.c.watermark).where(
            stream_state.c.installation_id == id
        )
    )
    return {row[0]: row[1] for row in found}
