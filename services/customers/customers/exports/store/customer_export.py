"""Exports as rows: PostgreSQL is the truth about who may fetch what, how far the making is, and until when."""

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
    func,
    or_,
    select,
    text,
)
from sqlalchemy.orm import Session

from chassis.api.paging import Page, Window, page
from chassis.db import among
from chassis.policy.row_scopes import RowAccess, RowColumns
from chassis.policy.scope import Scope
from customers.core.store.metadata import metadata

_COLUMNS = (
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
held = Table(
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
        """How row scopes see it: it is its requester's, and of the department they were in."""
        return RowAccess(self.actor_id, self.department_id)


def by_id(session: Session, id: UUID, *, locked: bool = False) -> ExportRow | None:
    """One export, whoever it belongs to: the caller looks at `may_see`."""
    lock = " FOR UPDATE" if locked else ""
    row = session.execute(
        text(f"SELECT {_COLUMNS} FROM customer_export WHERE id = :id{lock}"),  # noqa: S608  # names from our code, values bound
        {"id": id},
    ).first()
    return ExportRow(*row) if row else None


def by_ids(session: Session, ids: Sequence[UUID]) -> dict[UUID, ExportRow]:
    rows = session.execute(
        text(f"SELECT {_COLUMNS} FROM customer_export WHERE id = ANY(:ids)"),  # noqa: S608  # names from our code, values bound
        {"ids": list(ids)},
    )
    return {row.id: ExportRow(*row) for row in rows}


def may_see(me: UUID, others: Scope | None, row: ExportRow) -> bool:
    """Everybody sees their own; those of others see who has a scope for it."""
    return row.actor_id == me or (others is not None and others.sees(row.about))


def listed(
    session: Session,
    me: UUID,
    others: Scope | None,
    window: Window,
    statuses: Sequence[str] = (),
    requester: UUID | None = None,
    customer: UUID | None = None,
) -> Page[Row[Any]]:
    """The exports that may be seen, newest first: their ids."""
    mine = job.c.actor_id == me
    statement = select(job.c.id).where(or_(mine, others.where(ACCESS)) if others else mine)
    if statuses:
        statement = statement.where(job.c.status.in_(list(statuses)))
    if requester is not None:
        statement = statement.where(job.c.actor_id == requester)
    if customer is not None:
        holding = select(held.c.export_id).where(held.c.customer_id == customer)
        statement = statement.where(job.c.id.in_(holding))
    return page(session, statement, order=[(job.c.id, "desc")], window=window)


def insert(session: Session, row: Mapping[str, Any]) -> None:
    names = ", ".join(row)
    binds = ", ".join(f":{name}" if name != "filter" else "CAST(:filter AS jsonb)" for name in row)
    session.execute(
        text(f"INSERT INTO customer_export ({names}) VALUES ({binds})"),  # noqa: S608  # names from our code, values bound
        {**row, "filter": orjson.dumps(row["filter"]).decode()},
    )


def change(session: Session, id: UUID, **columns: Any) -> None:
    """Writes these columns; the row becomes a new version."""
    sets = "".join(f"{name} = :{name}, " for name in columns)
    session.execute(
        text(f"UPDATE customer_export SET {sets}version = version + 1 WHERE id = :id"),  # noqa: S608  # names from our code, values bound
        {"id": id, **columns},
    )


@dataclass(frozen=True, slots=True)
class Used:
    """What somebody has had out of the pool in a period."""

    exports: int
    rows: int


def hold_person(session: Session, actor: UUID) -> None:
    """Requests of one person are counted one after the other."""
    key = {"key": f"customer_export:{actor}"}
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), key)


def used(session: Session, actor: UUID, days: int) -> Used:
    """Those that are open, and those that ever had a file, whatever became of them."""
    row = session.execute(
        text(
            "SELECT count(*) AS exports, coalesce(sum(coalesce(rows_total, rows_expected)), 0) AS n "
            "FROM customer_export WHERE actor_id = :actor AND (made_at IS NOT NULL OR status IN "
            "('AWAITING_APPROVAL', 'QUEUED', 'RUNNING', 'READY')) "
            "AND created_at > now() - make_interval(days => :days)"
        ),
        {"actor": actor, "days": days},
    ).one()
    return Used(row.exports, int(row.n))


def queue(session: Session, id: UUID, traceparent: str | None, trace_id: str | None) -> None:
    """Due at once; whatever file there was is gone."""
    drop_file(session, [id])
    session.execute(
        text(
            "UPDATE customer_export SET status = 'QUEUED', lease_until = now(), problem = NULL, "
            "failures = 0, rows_done = 0, nonce = NULL, file = NULL, fence = fence + 1, "
            "finished_at = NULL, traceparent = :tp, trace_id = :trace, version = version + 1 "
            "WHERE id = :id"
        ),
        {"id": id, "tp": traceparent, "trace": trace_id},
    )


def take_due(session: Session, lease_seconds: int, most: int) -> list[ExportRow]:
    """Gives due exports to whoever asks, each under a new fencing token: older holders are refused."""
    rows = session.execute(
        text(
            "UPDATE customer_export SET fence = fence + 1, status = 'RUNNING', "  # noqa: S608  # names from our code, values bound
            "lease_until = now() + make_interval(secs => :lease) WHERE id IN ("
            "  SELECT id FROM customer_export WHERE status IN ('QUEUED', 'RUNNING') "
            "  AND lease_until <= now() ORDER BY lease_until LIMIT :most FOR UPDATE SKIP LOCKED) "
            f"RETURNING {_COLUMNS}"
        ),
        {"lease": lease_seconds, "most": most},
    )
    return [ExportRow(*row) for row in rows]


def begin(session: Session, id: UUID, fence: int, lease_seconds: int) -> int | None:
    """The token of this very run: a message that is delivered twice starts one run, not two."""
    return session.execute(
        text(
            "UPDATE customer_export SET fence = fence + 1, rows_done = 0, "
            "lease_until = now() + make_interval(secs => :lease) "
            "WHERE id = :id AND fence = :fence AND status = 'RUNNING' RETURNING fence"
        ),
        {"id": id, "fence": fence, "lease": lease_seconds},
    ).scalar_one_or_none()


def advance(session: Session, id: UUID, fence: int, rows: int, lease_seconds: int) -> bool:
    """A sign of life. Whether the run is still the one that is wanted."""
    done = session.execute(
        text(
            "UPDATE customer_export SET rows_done = :rows, version = version + 1, "
            "lease_until = now() + make_interval(secs => :lease) "
            "WHERE id = :id AND fence = :fence AND status = 'RUNNING' RETURNING 1"
        ),
        {"id": id, "fence": fence, "rows": rows, "lease": lease_seconds},
    )
    return done.first() is not None


def postpone(session: Session, id: UUID, fence: int, seconds: float) -> int:
    """The making failed: it is due again later. How many times in a row; 0 for a stale holder."""
    found = session.execute(
        text(
            "UPDATE customer_export SET failures = failures + 1, "
            "lease_until = now() + make_interval(secs => :seconds) "
            "WHERE id = :id AND fence = :fence AND status = 'RUNNING' RETURNING failures"
        ),
        {"id": id, "fence": fence, "seconds": seconds},
    ).scalar_one_or_none()
    return found or 0


def finish(
    session: Session,
    id: UUID,
    status: str,
    *,
    by: UUID | None = None,
    problem: Mapping[str, str] | None = None,
) -> None:
    """It ends here. The file goes with it; who held what stays known."""
    drop_file(session, [id])
    session.execute(
        text(
            "UPDATE customer_export SET status = :status, lease_until = NULL, ended_by = :by, "
            "problem = CAST(:problem AS jsonb), finished_at = now(), fence = fence + 1, "
            "version = version + 1 WHERE id = :id"
        ),
        {
            "id": id,
            "status": status,
            "by": by,
            "problem": orjson.dumps(problem).decode() if problem else None,
        },
    )


def open_of(session: Session, actor: UUID, statuses: Sequence[str]) -> list[ExportRow]:
    """What somebody has in these states, held until the transaction ends."""
    rows = session.execute(
        text(
            f"SELECT {_COLUMNS} FROM customer_export WHERE actor_id = :actor "  # noqa: S608  # names from our code, values bound
            "AND status = ANY(:statuses) ORDER BY id FOR UPDATE"
        ),
        {"actor": actor, "statuses": list(statuses)},
    )
    return [ExportRow(*row) for row in rows]


def overdue(session: Session, most: int) -> list[ExportRow]:
    """Open ones whose time is over."""
    rows = session.execute(
        text(
            f"SELECT {_COLUMNS} FROM customer_export WHERE expires_at <= now() "  # noqa: S608  # names from our code, values bound
            "AND status IN ('AWAITING_APPROVAL', 'QUEUED', 'RUNNING', 'READY') "
            "ORDER BY expires_at LIMIT :most FOR UPDATE SKIP LOCKED"
        ),
        {"most": most},
    )
    return [ExportRow(*row) for row in rows]


def keys(session: Session, scope: Scope) -> dict[UUID, bytes]:
    """The watermark keys of all exports in scope that ever had a file."""
    statement = select(job.c.id, job.c.mark_key).where(
        job.c.made_at.is_not(None), scope.where(ACCESS)
    )
    return {row.id: row.mark_key for row in session.execute(statement)}


def present(session: Session) -> datetime:
    """The clock that leases and expiry go by."""
    return session.execute(text("SELECT now()")).scalar_one()  # type: ignore[no-any-return]  # a timestamptz


# ── the file ─────────────────────────────────────────────────────────────────────────────────────

# Who may see a row depends on these alone; a sum does not mind the order.
_ACCESS = (
    "coalesce(sum(hashtextextended(concat(c.id, '|', c.owner_id, '|', c.department_id, '|', "
    "array_to_string(c.collaborators, ','), '|', array_to_string(c.projects, ','), '|', "
    "c.merged_into), 0)::numeric), 0)"
)


def access_of(session: Session, ids: Sequence[UUID]) -> Decimal:
    """A fingerprint of who owns and shares these customers now."""
    found = session.execute(
        text(f"SELECT {_ACCESS} FROM customer c WHERE c.id = ANY(:ids)"),  # noqa: S608  # names from our code, values bound
        {"ids": list(ids)},
    )
    return Decimal(found.scalar_one())


def access_now(session: Session, row: ExportRow) -> Decimal:
    """The same fingerprint, now, of the customers in the file."""
    found = session.execute(
        text(
            f"SELECT {_ACCESS} FROM customer_export_row r JOIN customer c ON c.id = r.customer_id "  # noqa: S608  # names from our code, values bound
            "WHERE r.export_id = :id AND r.file = :file"
        ),
        {"id": row.id, "file": row.file},
    )
    return Decimal(found.scalar_one())


def put_chunk(session: Session, id: UUID, number: int, content: bytes) -> None:
    session.execute(
        text("INSERT INTO customer_export_chunk VALUES (:id, :number, :content)"),
        {"id": id, "number": number, "content": content},
    )


def put_rows(session: Session, id: UUID, file: int, customers: Sequence[UUID]) -> None:
    """Notes whom a file holds."""
    session.execute(
        text(
            "INSERT INTO customer_export_row (customer_id, export_id, file) "
            "SELECT DISTINCT held, CAST(:id AS uuid), CAST(:file AS integer) "
            "FROM unnest(CAST(:customers AS uuid[])) AS held "
            "ON CONFLICT (customer_id, export_id) DO UPDATE SET file = excluded.file"
        ),
        {"id": id, "file": file, "customers": list(customers)},
    )


def chunk(session: Session, id: UUID, file: int, number: int) -> bytes | None:
    """A piece of the file; `None` beyond its end, and as soon as it may not be had any more."""
    return session.execute(
        text(
            "SELECT c.content FROM customer_export_chunk c JOIN customer_export e ON e.id = c.export_id "
            "WHERE c.export_id = :id AND c.chunk = :number AND e.status = 'READY' AND e.file = :file"
        ),
        {"id": id, "file": file, "number": number},
    ).scalar_one_or_none()


def drop_file(session: Session, ids: Sequence[UUID]) -> None:
    session.execute(
        text("DELETE FROM customer_export_chunk WHERE export_id = ANY(:ids)"), {"ids": list(ids)}
    )


@dataclass(frozen=True, slots=True)
class Holding:
    """How many of some customers an export held."""

    export_id: UUID
    held: int


def holding(
    session: Session, scope: Scope, name_keys: Sequence[str], most: int
) -> tuple[int, list[Holding]]:
    """How many customers have one of these names, and the exports in scope that held most of them."""
    ids = session.execute(
        text("SELECT id FROM customer WHERE name_key = ANY(:keys)"), {"keys": list(name_keys)}
    )
    wanted = list(ids.scalars())
    number = func.count().label("number")
    statement = (
        select(held.c.export_id, number)
        .join(job, job.c.id == held.c.export_id)
        .where(
            among(held.c.customer_id, wanted),
            scope.where(ACCESS),
        )
        .group_by(held.c.export_id)
        .order_by(number.desc(), held.c.export_id)
        .limit(most)
    )
    return len(wanted), [Holding(row.export_id, row.number) for row in session.execute(statement)]
