"""Exports in the making: the queue, leases with fencing tokens, progress and the end."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from customers.exports.store.customer_export import COLUMNS, ExportRow
from customers.exports.store.file import drop_file


def queue(session: Session, id: UUID, traceparent: str | None, trace_id: str | None) -> None:
    """Make an export due at once, and delete the file it had."""
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


def any_due(session: Session) -> bool:
    """Return whether `take_due` would find an export."""
    statement = text(
        "SELECT EXISTS (SELECT 1 FROM customer_export WHERE status IN ('QUEUED', 'RUNNING') "
        "AND lease_until <= now())"
    )
    return bool(session.execute(statement).scalar_one())


def take_due(session: Session, lease_seconds: int, limit: int) -> list[ExportRow]:
    """Lease due exports, each under a new fencing token, so that former holders are refused."""
    rows = session.execute(
        text(
            "UPDATE customer_export SET fence = fence + 1, status = 'RUNNING', "  # noqa: S608  # names from our code, values bound
            "lease_until = now() + make_interval(secs => :lease) WHERE id IN ("
            "  SELECT id FROM customer_export WHERE status IN ('QUEUED', 'RUNNING') "
            "  AND lease_until <= now() ORDER BY lease_until LIMIT :most FOR UPDATE SKIP LOCKED) "
            f"RETURNING {COLUMNS}"
        ),
        {"lease": lease_seconds, "most": limit},
    )
    return [ExportRow(*row) for row in rows]


def begin(session: Session, id: UUID, fence: int, lease_seconds: int) -> int | None:
    """Start a run and return its fencing token; `None` where the message was delivered before.

    A message that is delivered twice starts one run, not two.
    """
    return session.execute(
        text(
            "UPDATE customer_export SET fence = fence + 1, rows_done = 0, "
            "lease_until = now() + make_interval(secs => :lease) "
            "WHERE id = :id AND fence = :fence AND status = 'RUNNING' RETURNING fence"
        ),
        {"id": id, "fence": fence, "lease": lease_seconds},
    ).scalar_one_or_none()


def advance(session: Session, id: UUID, fence: int, rows: int, lease_seconds: int) -> bool:
    """Renew the lease and report progress; return whether the run is still current."""
    renewed = session.execute(
        text(
            "UPDATE customer_export SET rows_done = :rows, version = version + 1, "
            "lease_until = now() + make_interval(secs => :lease) "
            "WHERE id = :id AND fence = :fence AND status = 'RUNNING' RETURNING 1"
        ),
        {"id": id, "fence": fence, "rows": rows, "lease": lease_seconds},
    )
    return renewed.first() is not None


def postpone(session: Session, id: UUID, fence: int, seconds: float) -> int:
    """Make a failed export due again later; return its failures in a row, 0 for a stale holder."""
    failures = session.execute(
        text(
            "UPDATE customer_export SET failures = failures + 1, "
            "lease_until = now() + make_interval(secs => :seconds) "
            "WHERE id = :id AND fence = :fence AND status = 'RUNNING' RETURNING failures"
        ),
        {"id": id, "fence": fence, "seconds": seconds},
    ).scalar_one_or_none()
    return failures or 0


def finish(
    session: Session,
    id: UUID,
    status: str,
    *,
    ended_by: UUID | None = None,
    problem: Mapping[str, str] | None = None,
) -> None:
    """End an export and delete its file; which customers it held stays recorded."""
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
            "by": ended_by,
            "problem": orjson.dumps(problem).decode() if problem else None,
        },
    )
