"""Dead letters: records that failed, with the reason and what a retry needs."""

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
from sqlalchemy.orm import Session

from chassis.db import among, in_order
from chassis.policy.row_scopes import RowColumns
from chassis.policy.scope import Scope
from integrations.core.store.metadata import metadata
from integrations.installations.store import installation

dead_letter = Table(
    "dead_letter",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=text("uuidv7()")),
    Column("installation_id", ForeignKey("installation.id"), nullable=False),
    Column("stream", Text, nullable=False),
    # The external id, or the hash of a record that has none.
    Column("record_key", Text, nullable=False),
    Column("external_id", Text),
    Column("source_record_id", Uuid),
    Column("customer_id", Uuid),
    Column("run_id", Uuid, nullable=False),
    Column("replay_run_id", Uuid),
    Column("stage", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("message_en", Text, nullable=False),
    Column("message_zh", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="1"),
    Column("state", Text, nullable=False, server_default="OPEN"),
    Column("first_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("last_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("resolved_at", DateTime(timezone=True)),
    Column("trace_id", Text),
    CheckConstraint("state IN ('OPEN', 'RESOLVED')"),
    CheckConstraint("stage IN ('MAP', 'DELIVER')"),
    Index(
        "dead_letter_open",
        "installation_id",
        "stream",
        "record_key",
        unique=True,
        postgresql_where=text("state = 'OPEN'"),
    ),
    Index("dead_letter_customer", "customer_id", postgresql_where=text("state = 'OPEN'")),
    Index("dead_letter_replay", "replay_run_id", "stream", "id"),
)


@dataclass(frozen=True, slots=True)
class DeadLetterRow:
    """A dead letter without its payload."""

    id: UUID
    installation_id: UUID
    stream: str
    external_id: str | None
    source_record_id: UUID | None
    customer_id: UUID | None
    run_id: UUID
    stage: str
    code: str
    message_en: str
    message_zh: str
    attempts: int
    state: str
    first_at: datetime
    last_at: datetime
    resolved_at: datetime | None
    trace_id: str | None


COLUMNS = [dead_letter.c[name] for name in DeadLetterRow.__dataclass_fields__]
_ROWS = RowColumns(owner=installation.c.created_by, department=null())


def all_rows(
    scope: Scope, installation_id: UUID | None = None, state: str | None = None
) -> Select[Any]:
    """Return the statement for dead letters of installations in the scope, to be paged."""
    statement = (
        select(*COLUMNS)
        .join(installation, installation.c.id == dead_letter.c.installation_id)
        .where(scope.where(_ROWS))
    )
    if installation_id is not None:
        statement = statement.where(dead_letter.c.installation_id == installation_id)
    if state is not None:
        statement = statement.where(dead_letter.c.state == state)
    return statement


def by_ids(session: Session, scope: Scope, ids: Sequence[UUID]) -> list[DeadLetterRow | None]:
    """Return dead letters in the order of the ids, `None` for those outside the scope."""
    rows = session.execute(all_rows(scope).where(among(dead_letter.c.id, ids)))
    return in_order(ids, (DeadLetterRow(*row) for row in rows), lambda row: row.id)


def payloads(session: Session, ids: Sequence[UUID]) -> list[tuple[str, bytes] | None]:
    """Return record key and sealed payload, in the order of the ids."""
    result = session.execute(
        select(dead_letter.c.id, dead_letter.c.record_key, dead_letter.c.payload).where(
            among(dead_letter.c.id, ids)
        )
    )
    rows = {id: (key, sealed) for id, key, sealed in result}
    return [rows.get(id) for id in ids]


def to_replay(
    session: Session, run_id: UUID, stream: str, after: UUID | None, limit: int
) -> list[tuple[UUID, str, bytes]]:
    """Return the next dead letters of a replay run: id, record key, sealed payload."""
    table = dead_letter
    statement = select(table.c.id, table.c.record_key, table.c.payload).where(
        table.c.replay_run_id == run_id, table.c.stream == stream, table.c.state == "OPEN"
    )
    if after is not None:
        statement = statement.where(table.c.id > after)
    rows = session.execute(statement.order_by(table.c.id).limit(limit))
    return [(id, key, sealed) for id, key, sealed in rows]


def open_counts(session: Session, installation_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return the number of open dead letters by installation; none is missing from the mapping."""
    rows = session.execute(
        select(dead_letter.c.installation_id, func.count())
        .where(
            among(dead_letter.c.installation_id, installation_ids),
            dead_letter.c.state == "OPEN",
        )
        .group_by(dead_letter.c.installation_id)
    )
    return {row[0]: row[1] for row in rows}
