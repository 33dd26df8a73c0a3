"""Exports as rows: PostgreSQL decides who may fetch what, and until when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import (
    Column,
    DateTime,
    LargeBinary,
    Row,
    Table,
    Text,
    Uuid,
    or_,
    select,
    text,
)
from sqlalchemy.orm import Session

from chassis.api.paging import Page, Window, page
from chassis.policy.row_scopes import RowAccess, RowColumns
from chassis.policy.scope import Scope
from customers.core.store.metadata import metadata

COLUMNS = (
    "id, actor_id, department_id, locale, format, columns, filter, reason, purpose, sensitive, "
    "status, decided_by, decided_at, note, ended_by, rows_expected, rows_done, rows_total, size, "
    "standing, access, policy_version, made_at, file, downloads, secret, mark_key, nonce, "
    "session_id, problem, fence, lease_until, failures, traceparent, trace_id, version, "
    "created_at, expires_at, finished_at"
)
job = Table(
    "customer_export",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("actor_id", Uuid, nullable=False),
    Column("department_id", Uuid),
    Column("status", Text, nullable=False),
    Column("mark_key", LargeBinary, nullable=False),
    Column("made_at", DateTime(timezone=True)),
)
export_row = Table(
    "customer_export_row",
    metadata,
    Column("customer_id", Uuid, primary_key=True),
    Column("export_id", Uuid, primary_key=True),
)
ACCESS = RowColumns(owner=job.c.actor_id, department=job.c.department_id)


@dataclass(frozen=True, slots=True)
class ExportRow:
    """One export."""

    id: UUID
    actor_id: UUID
    department_id: UUID | None
    locale: str
    format: str
    columns: list[str]
    filter: dict[str, Any]
    reason: str
    purpose: str
    sensitive: bool
    status: str
    decided_by: UUID | None
    decided_at: datetime | None
    note: str | None
    ended_by: UUID | None
    rows_expected: int
    rows_done: int
    rows_total: int | None
    size: int | None
    standing: str | None
    access: Decimal | None
    policy_version: int | None
    made_at: datetime | None
    file: int | None
    downloads: int
    secret: bytes
    mark_key: bytes
    nonce: str | None
    session_id: UUID | None
    problem: dict[str, str] | None
    fence: int
    lease_until: datetime | None
    failures: int
    traceparent: str | None
    trace_id: str | None
    version: int
    created_at: datetime
    expires_at: datetime
    finished_at: datetime | None

    @property
    def about(self) -> RowAccess:
        """Return how row scopes see it: owned by its requester, in the department they were in."""
        return RowAccess(self.actor_id, self.department_id)


def by_id(session: Session, id: UUID, *, locked: bool = False) -> ExportRow | None:
    """Load an export of any requester; the calling code checks `may_see`."""
    lock = " FOR UPDATE" if locked else ""
    row = session.execute(
        text(f"SELECT {COLUMNS} FROM customer_export WHERE id = :id{lock}"),  # noqa: S608  # names from our code, values bound
        {"id": id},
    ).first()
    return ExportRow(*row) if row else None


def by_ids(session: Session, ids: Sequence[UUID]) -> dict[UUID, ExportRow]:
    """Load exports by id, of any requester."""
    rows = session.execute(
        text(f"SELECT {COLUMNS} FROM customer_export WHERE id = ANY(:ids)"),  # noqa: S608  # names from our code, values bound
        {"ids": list(ids)},
    )
    return {row.id: ExportRow(*row) for row in rows}


def may_see(user_id: UUID, others: Scope | None, row: ExportRow) -> bool:
    """Check whether an export is the user's own, or within the scope for exports of others."""
    return row.actor_id == user_id or (others is not None and others.sees(row.about))


def list_page(
    session: Session,
    user_id: UUID,
    others: Scope | None,
    window: Window,
    statuses: Sequence[str] = (),
    requester: UUID | None = None,
    customer: UUID | None = None,
) -> Page[Row[Any]]:
    """Return a page of ids of the exports that a user may see, newest first."""
    own = job.c.actor_id == user_id
    statement = select(job.c.id).where(or_(own, others.where(ACCESS)) if others else own)
    if statuses:
        statement = statement.where(job.c.status.in_(list(statuses)))
    if requester is not None:
        statement = statement.where(job.c.actor_id == requester)
    if customer is not None:
        holding = select(export_row.c.export_id).where(export_row.c.customer_id == customer)
        statement = statement.where(job.c.id.in_(holding))
    return page(session, statement, order=[(job.c.id, "desc")], window=window)


def insert(session: Session, row: Mapping[str, Any]) -> None:
    """Insert an export from its columns."""
    names = ", ".join(row)
    binds = ", ".join(f":{name}" if name != "filter" else "CAST(:filter AS jsonb)" for name in row)
    session.execute(
        text(f"INSERT INTO customer_export ({names}) VALUES ({binds})"),  # noqa: S608  # names from our code, values bound
        {**row, "filter": orjson.dumps(row["filter"]).decode()},
    )


def change(session: Session, id: UUID, **columns: Any) -> None:
    """Update columns of an export; the row becomes a new version."""
    sets = "".join(f"{name} = :{name}, " for name in columns)
    session.execute(
        text(f"UPDATE customer_export SET {sets}version = version + 1 WHERE id = :id"),  # noqa: S608  # names from our code, values bound
        {"id": id, **columns},
    )


@dataclass(frozen=True, slots=True)
class Usage:
    """How many exports, with how many customers, a user has had in a period."""

    exports: int
    rows: int


def lock_requester(session: Session, actor: UUID) -> None:
    """Lock a requester until the transaction ends, so that their requests are counted in turn."""
    key = {"key": f"customer_export:{actor}"}
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), key)


def usage(session: Session, actor: UUID, days: int) -> Usage:
    """Count the exports of a user's quota: open ones, and all that ever had a file."""
    row = session.execute(
        text(
            "SELECT count(*) AS exports, coalesce(sum(coalesce(rows_total, rows_expected)), 0) AS "
            "n FROM customer_export WHERE actor_id = :actor AND (made_at IS NOT NULL OR status IN "
            "('AWAITING_APPROVAL', 'QUEUED', 'RUNNING', 'READY')) "
            "AND created_at > now() - make_interval(days => :days)"
        ),
        {"actor": actor, "days": days},
    ).one()
    return Usage(row.exports, int(row.n))


def lock_open(session: Session, actor: UUID, statuses: Sequence[str]) -> list[ExportRow]:
    """Load a user's exports in these states, locked until the transaction ends."""
    rows = session.execute(
        text(
            f"SELECT {COLUMNS} FROM customer_export WHERE actor_id = :actor "  # noqa: S608  # names from our code, values bound
            "AND status = ANY(:statuses) ORDER BY id FOR UPDATE"
        ),
        {"actor": actor, "statuses": list(statuses)},
    )
    return [ExportRow(*row) for row in rows]


def lock_overdue(session: Session, limit: int) -> list[ExportRow]:
    """Load open exports whose time is over, locked."""
    rows = session.execute(
        text(
            f"SELECT {COLUMNS} FROM customer_export WHERE expires_at <= now() "  # noqa: S608  # names from our code, values bound
            "AND status IN ('AWAITING_APPROVAL', 'QUEUED', 'RUNNING', 'READY') "
            "ORDER BY expires_at LIMIT :most FOR UPDATE SKIP LOCKED"
        ),
        {"most": limit},
    )
    return [ExportRow(*row) for row in rows]


def present(session: Session) -> datetime:
    """Return the database's time, by which leases and exports expire."""
    return session.execute(text("SELECT now()")).scalar_one()  # type: ignore[no-any-return]  # a timestamptz
