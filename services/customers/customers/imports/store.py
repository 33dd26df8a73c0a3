"""Imports as rows: PostgreSQL decides how far each has come and which worker has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Column, Integer, Row, Table, Text, Uuid, select, text
from sqlalchemy.orm import Session

from chassis.api.paging import Page, Window, page
from chassis.policy.scope import Scope
from customers.core.store import bulk
from customers.core.store.metadata import metadata

_COLUMNS = (
    "id, file_name, system, kind, given_mapping, key_columns, mapping, headers, status, actor_id, "
    "locale, owner_id, secret, rows_total, rows_done, next_chunk, created, updated, unchanged, "
    "matched, ambiguous, rejected, problem, fence, lease_until, failures, traceparent, trace_id, "
    "version, created_at, started_at, finished_at"
)
COUNTS = ("created", "updated", "unchanged", "matched", "ambiguous", "rejected")


@dataclass(frozen=True, slots=True)
class ImportRow:
    """One import."""

    id: UUID
    file_name: str
    system: str
    kind: str | None
    given_mapping: dict[str, str] | None
    key_columns: list[str] | None
    mapping: dict[str, Any] | None
    headers: list[str] | None
    status: str
    actor_id: UUID
    locale: str
    owner_id: UUID | None
    secret: bytes
    rows_total: int | None
    rows_done: int
    next_chunk: int
    created: int
    updated: int
    unchanged: int
    matched: int
    ambiguous: int
    rejected: int
    problem: dict[str, str] | None
    fence: int
    lease_until: datetime | None
    failures: int
    traceparent: str | None
    trace_id: str | None
    version: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


def by_id(session: Session, id: UUID, *, locked: bool = False) -> ImportRow | None:
    """Load an import of any user; the calling code checks `may_see`."""
    lock = " FOR UPDATE" if locked else ""
    row = session.execute(
        text(f"SELECT {_COLUMNS} FROM import_job WHERE id = :id{lock}"),  # noqa: S608  # names from our code, values bound
        {"id": id},  # names from our code, values bound
    ).first()
    return ImportRow(*row) if row else None


def may_see(scope: Scope, row: ImportRow) -> bool:
    """Check whether an import is the caller's own, or the caller sees all customers.

    An import discloses what was in its file.
    """
    return scope.everything or row.actor_id == scope.actor.user_id


def list_page(session: Session, scope: Scope, window: Window) -> Page[Row[Any]]:
    """Return a page of ids of the imports in scope, newest first."""
    jobs = metadata.tables["import_job"]
    statement = select(jobs.c.id)
    if not scope.everything:
        statement = statement.where(jobs.c.actor_id == scope.actor.user_id)
    return page(session, statement, order=[(jobs.c.id, "desc")], window=window)


def by_ids(session: Session, ids: Sequence[UUID]) -> dict[UUID, ImportRow]:
    """Load imports by id, of any user."""
    rows = session.execute(
        text(f"SELECT {_COLUMNS} FROM import_job WHERE id = ANY(:ids)"),  # noqa: S608  # names from our code, values bound
        {"ids": list(ids)},  # names from our code, values bound
    )
    return {row.id: ImportRow(*row) for row in rows}


def insert(session: Session, row: Mapping[str, Any], secret: bytes) -> None:
    """Insert an import from its columns."""
    bulk.insert(session, "import_job", [{**row, "secret": "\\x" + secret.hex()}])


def put_rows(
    session: Session, id: UUID, chunks: Sequence[bytes], columns: Mapping[str, Any]
) -> None:
    """Store the rows of a file in place of those of an earlier one, and update columns."""
    session.execute(text("DELETE FROM import_chunk WHERE import_id = :id"), {"id": id})
    for number, chunk in enumerate(chunks):
        session.execute(
            text("INSERT INTO import_chunk VALUES (:id, :chunk, CAST(:rows AS jsonb))"),
            {"id": id, "chunk": number, "rows": chunk.decode()},
        )
    change(session, id, columns)


def change(session: Session, id: UUID, columns: Mapping[str, Any]) -> None:
    """Update columns of an import; the row becomes a new version."""
    bulk.update(session, "import_job", [{"id": id, **columns}], "version = import_job.version + 1")


def chunk(session: Session, id: UUID, number: int) -> list[tuple[int, dict[str, str], list[str]]]:
    """Return the rows of one chunk: (row number, cells, headers whose number lost digits)."""
    rows = session.execute(
        text("SELECT rows FROM import_chunk WHERE import_id = :id AND chunk = :number"),
        {"id": id, "number": number},
    ).scalar_one_or_none()
    return [(row[0], row[1], row[2]) for row in rows or ()]


def queue(session: Session, id: UUID, traceparent: str | None, trace_id: str | None) -> None:
    """Make an import due at once, and delete the results of an earlier run."""
    session.execute(text("DELETE FROM import_problem WHERE import_id = :id"), {"id": id})
    zero = ", ".join(f"{name} = 0" for name in COUNTS)
    session.execute(
        text(
            f"UPDATE import_job SET status = 'QUEUED', lease_until = now(), started_at = now(), "  # noqa: S608  # names from our code, values bound
            f"finished_at = NULL, problem = NULL, failures = 0, rows_done = 0, next_chunk = 0, "
            f"{zero}, fence = fence + 1, traceparent = :tp, trace_id = :trace, "
            f"version = version + 1 WHERE id = :id"
        ),
        {"id": id, "tp": traceparent, "trace": trace_id},
    )


def any_due(session: Session) -> bool:
    """Return whether `take_due` would find an import."""
    statement = text(
        "SELECT EXISTS (SELECT 1 FROM import_job WHERE status IN ('QUEUED', 'RUNNING') "
        "AND lease_until <= now())"
    )
    return bool(session.execute(statement).scalar_one())


def take_due(session: Session, lease_seconds: int, limit: int) -> list[ImportRow]:
    """Lease due imports, each under a new fencing token, so that former holders are refused."""
    rows = session.execute(
        text(
            "UPDATE import_job SET fence = fence + 1, status = 'RUNNING', "  # noqa: S608  # names from our code, values bound
            "lease_until = now() + make_interval(secs => :lease) WHERE id IN ("
            "  SELECT id FROM import_job WHERE status IN ('QUEUED', 'RUNNING') "
            "  AND lease_until <= now() ORDER BY lease_until LIMIT :most FOR UPDATE SKIP LOCKED) "
            f"RETURNING {_COLUMNS}"
        ),
        {"lease": lease_seconds, "most": limit},
    )
    return [ImportRow(*row) for row in rows]


def advance(
    session: Session, id: UUID, counts: Mapping[str, int], rows: int, lease_seconds: int
) -> bool:
    """Write the checkpoint in the transaction of the chunk; return whether the import is done."""
    adds = ", ".join(f"{name} = {name} + :{name}" for name in COUNTS)
    row = session.execute(
        text(
            f"UPDATE import_job SET {adds}, rows_done = rows_done + :rows, "  # noqa: S608  # names from our code, values bound
            "next_chunk = next_chunk + 1, failures = 0, version = version + 1, "
            "lease_until = now() + make_interval(secs => :lease) "
            "WHERE id = :id RETURNING rows_done >= rows_total AS done"
        ),
        {"id": id, "rows": rows, "lease": lease_seconds}
        | {name: counts.get(name, 0) for name in COUNTS},
    ).one()
    if row.done:
        finish(session, id, "DONE", None)
    return bool(row.done)


def finish(session: Session, id: UUID, status: str, problem: Mapping[str, str] | None) -> None:
    """End an import with a status, and the problem that ended it."""
    session.execute(
        text(
            "UPDATE import_job SET status = :status, problem = CAST(:problem AS jsonb), "
            "lease_until = NULL, finished_at = now(), fence = fence + 1, version = version + 1 "
            "WHERE id = :id"
        ),
        {
            "id": id,
            "status": status,
            "problem": orjson.dumps(problem).decode() if problem else None,
        },
    )


def postpone(session: Session, id: UUID, fence: int, seconds: float) -> int:
    """Make a failed chunk due again later; return its failures in a row, 0 for a stale holder."""
    return (
        session.execute(
            text(
                "UPDATE import_job SET failures = failures + 1, "
                "lease_until = now() + make_interval(secs => :seconds) "
                "WHERE id = :id AND fence = :fence AND status = 'RUNNING' RETURNING failures"
            ),
            {"id": id, "fence": fence, "seconds": seconds},
        ).scalar_one_or_none()
        or 0
    )


@dataclass(frozen=True, slots=True)
class ProblemRow:
    """One problem of one row of the file."""

    id: UUID
    row_number: int
    column_name: str | None
    field: str | None
    code: str
    en: str
    zh: str


problem = Table(
    "import_problem",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("import_id", Uuid, nullable=False),
    Column("row_number", Integer, nullable=False),
    Column("column_name", Text),
    Column("field", Text),
    Column("code", Text, nullable=False),
    Column("en", Text, nullable=False),
    Column("zh", Text, nullable=False),
)
job = Table(
    "import_job",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("actor_id", Uuid, nullable=False),
)


def put_problems(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert problems of rows."""
    bulk.insert(session, "import_problem", rows)


def problems(session: Session, id: UUID, window: Window) -> Page[Row[Any]]:
    """Return a page of the problems of a file, row by row."""
    columns = problem.c
    return page(
        session,
        select(
            columns.id,
            columns.row_number,
            columns.column_name,
            columns.field,
            columns.code,
            columns.en,
            columns.zh,
        ).where(columns.import_id == id),
        order=[(columns.row_number, "asc"), (columns.id, "asc")],
        window=window,
    )


def problem_of(row: Row[Any]) -> ProblemRow:
    """Build a problem from a selected row."""
    return ProblemRow(row.id, row.row_number, row.column_name, row.field, row.code, row.en, row.zh)


def problems_by_row(session: Session, id: UUID) -> dict[int, list[ProblemRow]]:
    """Load all problems of an import by row number."""
    statement = (
        select(problem)
        .where(problem.c.import_id == id)
        .order_by(problem.c.row_number, problem.c.id)
    )
    problems: dict[int, list[ProblemRow]] = {}
    for row in session.execute(statement):
        problems.setdefault(row.row_number, []).append(problem_of(row))
    return problems


def prune(session: Session, days: int) -> int:
    """Delete the rows of files of imports older than some days; return how many chunks.

    They are personal data, which is not kept longer than needed.
    """
    rows = session.execute(
        text(
            "DELETE FROM import_chunk WHERE import_id IN (SELECT id FROM import_job "
            "WHERE created_at < now() - make_interval(days => :days) "
            "AND status NOT IN ('QUEUED', 'RUNNING')) RETURNING 1"
        ),
        {"days": days},
    )
    return len(rows.all())
