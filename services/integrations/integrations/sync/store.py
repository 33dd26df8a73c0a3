"""Sync runs and their pages: a run's row holds its state, its lease names the present worker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    Select,
    Table,
    Text,
    Uuid,
    and_,
    func,
    null,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, distinct_on
from sqlalchemy.orm import Session

from chassis.db import among, in_order
from chassis.policy.row_scopes import RowColumns
from chassis.policy.scope import Scope
from integrations.core.store.metadata import metadata
from integrations.installations.store import installation
from integrations.sync.domain import ACTIVE, Counters

_COUNTERS = tuple(Counters.__dataclass_fields__)

sync_run = Table(
    "sync_run",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=text("uuidv7()")),
    Column("installation_id", ForeignKey("installation.id"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("mode", Text, nullable=False),
    Column("status", Text, nullable=False, server_default="QUEUED"),
    Column("requested_by", Uuid),
    Column("queued_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("started_at", DateTime(timezone=True)),
    Column("finished_at", DateTime(timezone=True)),
    # the lease
    Column("worker", Text),
    Column("fence", BigInteger, nullable=False, server_default="0"),
    Column("lease_until", DateTime(timezone=True)),
    Column("heartbeat_at", DateTime(timezone=True)),
    Column("rung_at", DateTime(timezone=True)),
    Column("not_before", DateTime(timezone=True)),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("progress_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("cancel_requested", Boolean, nullable=False, server_default="false"),
    # the checkpoint
    Column("stream", Text),
    Column("position", JSONB),
    Column("stream_fetched", Integer, nullable=False, server_default="0"),
    Column("stream_total", Integer),
    Column("watermarks", JSONB, nullable=False, server_default="{}"),
    Column("whole", Boolean, nullable=False, server_default="true"),
    # counters and the reason of a failure
    *(Column(name, Integer, nullable=False, server_default="0") for name in _COUNTERS),
    Column("error_code", Text),
    Column("error_en", Text),
    Column("error_zh", Text),
    Column("fix_en", Text),
    Column("fix_zh", Text),
    Column("traceparent", Text),
    Column("trace_id", Text),
    CheckConstraint("mode IN ('INCREMENTAL', 'FULL', 'REPLAY')"),
    CheckConstraint(
        "status IN ('QUEUED', 'RUNNING', 'SUCCEEDED', 'PARTIAL', 'FAILED', 'CANCELLED')"
    ),
    # One run at a time; replays only resolve single records and may run beside it.
    Index(
        "sync_run_active",
        "installation_id",
        unique=True,
        postgresql_where=text("status IN ('QUEUED','RUNNING') AND mode <> 'REPLAY'"),
    ),
    Index(
        "sync_run_waiting", "lease_until", postgresql_where=text("status IN ('QUEUED','RUNNING')")
    ),
    Index("sync_run_latest", "installation_id", "queued_at", "id"),
)

sync_page = Table(
    "sync_page",
    metadata,
    Column("run_id", ForeignKey("sync_run.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("stream", Text, nullable=False),
    Column("position", JSONB),
    Column("fetched", Integer, nullable=False),
    Column("delivered", Integer, nullable=False),
    Column("dead_lettered", Integer, nullable=False),
    Column("fetch_ms", Integer, nullable=False),
    Column("map_ms", Integer, nullable=False),
    Column("deliver_ms", Integer, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    # The same position twice in one run means that the source pages in a circle.
    Index(
        "sync_page_circle",
        "run_id",
        "stream",
        text("md5(position::text)"),
        unique=True,
        postgresql_where=text("position IS NOT NULL AND position::text <> 'null'"),
    ),
)


@dataclass(frozen=True, slots=True)
class SyncRunRow:
    """A sync run."""

    id: UUID
    installation_id: UUID
    revision: int
    mode: str
    status: str
    requested_by: UUID | None
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    heartbeat_at: datetime | None
    not_before: datetime | None
    tries: int
    progress_at: datetime
    cancel_requested: bool
    whole: bool
    stream: str | None
    position: Any
    stream_fetched: int
    stream_total: int | None
    watermarks: dict[str, Any]
    error_code: str | None
    error_en: str | None
    error_zh: str | None
    fix_en: str | None
    fix_zh: str | None
    traceparent: str | None
    trace_id: str | None
    fence: int
    pages: int
    fetched: int
    created: int
    updated: int
    unchanged: int
    matched: int
    ambiguous: int
    rejected: int
    dead_lettered: int
    deleted: int
    calls: int
    retries: int

    @property
    def counters(self) -> Counters:
        """Return the counters of the run."""
        return Counters(**{name: getattr(self, name) for name in _COUNTERS})


@dataclass(frozen=True, slots=True)
class SyncPageRow:
    """One page of a run, with the duration of each step."""

    number: int
    stream: str
    fetched: int
    delivered: int
    dead_lettered: int
    fetch_ms: int
    map_ms: int
    deliver_ms: int
    at: datetime


COLUMNS = [sync_run.c[name] for name in SyncRunRow.__dataclass_fields__]
_ROWS = RowColumns(owner=installation.c.created_by, department=null())


def is_active() -> ColumnElement[bool]:
    """Return the condition for runs that have not ended."""
    return sync_run.c.status.in_([status.value for status in ACTIVE])


def is_unleased() -> ColumnElement[bool]:
    """Return the condition for runs without a worker, or whose worker's lease ran out."""
    return or_(sync_run.c.lease_until.is_(None), sync_run.c.lease_until < func.now())


def is_claimable() -> ColumnElement[bool]:
    """Return the condition for unleased runs that are not suspended."""
    due = or_(sync_run.c.not_before.is_(None), sync_run.c.not_before <= func.now())
    return and_(is_unleased(), due)


def all_rows(scope: Scope, installation_id: UUID | None = None) -> Select[Any]:
    """Return the statement for runs of installations in the scope, to be paged."""
    statement = (
        select(*COLUMNS)
        .join(installation, installation.c.id == sync_run.c.installation_id)
        .where(scope.where(_ROWS))
    )
    if installation_id is not None:
        statement = statement.where(sync_run.c.installation_id == installation_id)
    return statement


def by_ids(session: Session, scope: Scope, ids: Sequence[UUID]) -> list[SyncRunRow | None]:
    """Return runs in the order of the ids, `None` for those outside the scope."""
    rows = session.execute(all_rows(scope).where(among(sync_run.c.id, ids)))
    return in_order(ids, (SyncRunRow(*row) for row in rows), lambda row: row.id)


def read(session: Session, id: UUID) -> SyncRunRow | None:
    """Return a run without a scope, for the engine, which acts for no user."""
    row = session.execute(select(*COLUMNS).where(sync_run.c.id == id)).one_or_none()
    return SyncRunRow(*row) if row else None


def latest(
    session: Session, scope: Scope, installations: Sequence[UUID]
) -> list[SyncRunRow | None]:
    """Return the newest run of each installation, in the order of the ids."""
    result = session.execute(
        all_rows(scope)
        .where(among(sync_run.c.installation_id, installations))
        .ext(distinct_on(sync_run.c.installation_id))
        .order_by(sync_run.c.installation_id, sync_run.c.queued_at.desc(), sync_run.c.id.desc())
    )
    rows = (SyncRunRow(*row) for row in result)
    return in_order(installations, rows, lambda row: row.installation_id)


def pages(session: Session, run: UUID, limit: int) -> list[SyncPageRow]:
    """Return the newest pages of a run, newest first."""
    columns = [sync_page.c[name] for name in SyncPageRow.__dataclass_fields__]
    rows = session.execute(
        select(*columns)
        .where(sync_page.c.run_id == run)
        .order_by(sync_page.c.number.desc())
        .limit(limit)
    )
    return [SyncPageRow(*row) for row in rows]
