"""The work on a run under a lease: claim it, renew the lease, suspend the run, end it.

A claim increases the fence; every later write names the fence of its claim, so a worker that was
considered dead and comes back cannot change anything.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import and_, func, select, text, update
from sqlalchemy.orm import Session

from integrations.core.domain.failure import Failure
from integrations.sync.domain import RunStatus
from integrations.sync.store import COLUMNS, SyncRunRow, is_active, is_claimable, sync_run


class LeaseLost(Exception):
    """Another worker has claimed the run, or it has ended; this worker must stop."""


def claim(session: Session, id: UUID, worker: str, lease_seconds: float) -> SyncRunRow | None:
    """Lease the run to a worker under a new fence; `None` when it cannot be claimed."""
    row = session.execute(
        update(sync_run)
        .where(sync_run.c.id == id, is_active(), is_claimable())
        .values(
            status=RunStatus.RUNNING.value,
            worker=worker,
            fence=sync_run.c.fence + 1,
            lease_until=_from_now(lease_seconds),
            heartbeat_at=func.now(),
            started_at=func.coalesce(sync_run.c.started_at, func.now()),
            not_before=None,
        )
        .returning(*COLUMNS)
    ).one_or_none()
    return SyncRunRow(*row) if row else None


def keep_alive(session: Session, id: UUID, fence: int, lease_seconds: float) -> bool:
    """Renew the lease and return whether cancelling was requested. Raises `LeaseLost`."""
    cancel_requested: bool | None = session.execute(
        update(sync_run)
        .where(_is_leased(id, fence))
        .values(lease_until=_from_now(lease_seconds), heartbeat_at=func.now())
        .returning(sync_run.c.cancel_requested)
    ).scalar_one_or_none()
    if cancel_requested is None:
        raise LeaseLost
    return cancel_requested


def lock_leased(session: Session, id: UUID, fence: int) -> SyncRunRow:
    """Return the present row, locked until the transaction ends. Raises `LeaseLost`."""
    row = session.execute(
        select(*COLUMNS).where(_is_leased(id, fence)).with_for_update()
    ).one_or_none()
    if row is None:
        raise LeaseLost
    return SyncRunRow(*row)


def release(session: Session, id: UUID, fence: int) -> None:
    """Release the lease between two slices of work."""
    session.execute(
        update(sync_run).where(_is_leased(id, fence)).values(lease_until=None, rung_at=func.now())
    )


def suspend(session: Session, id: UUID, fence: int, problem: Failure, seconds: float) -> None:
    """Release the run for a while and store the reason, which clients can read meanwhile."""
    session.execute(
        update(sync_run)
        .where(_is_leased(id, fence))
        .values(
            lease_until=None,
            rung_at=None,
            not_before=_from_now(seconds),
            tries=sync_run.c.tries + 1,
            **_reason(problem),
        )
    )


def fail(session: Session, id: UUID, fence: int, problem: Failure) -> None:
    """End the run as failed, with the reason; watermarks stay. Raises `LeaseLost`."""
    _end(session, id, fence, RunStatus.FAILED, **_reason(problem))


def finish(session: Session, id: UUID, fence: int, status: RunStatus) -> None:
    """End a run that read every stream, and only now store its watermarks. Raises `LeaseLost`."""
    run = lock_leased(session, id, fence)
    for stream, watermark in run.watermarks.items():
        session.execute(
            _UPSERT_WATERMARK,
            {
                "installation": run.installation_id,
                "stream": stream,
                "watermark": orjson.dumps(watermark).decode(),
                "run": id,
            },
        )
    reason = {} if status is RunStatus.PARTIAL and not run.whole else _NO_REASON
    _end(session, id, fence, status, **reason)


def cancel(session: Session, id: UUID, fence: int) -> None:
    """End the run as cancelled, after its worker has stopped. Raises `LeaseLost`."""
    _end(session, id, fence, RunStatus.CANCELLED)


_UPSERT_WATERMARK = text(
    "INSERT INTO stream_state (installation_id, stream, watermark, run_id) "
    "VALUES (:installation, :stream, CAST(:watermark AS jsonb), :run) "
    "ON CONFLICT (installation_id, stream) DO UPDATE SET watermark = excluded.watermark, "
    "run_id = excluded.run_id, completed_at = now()"
)


def _end(session: Session, id: UUID, fence: int, status: RunStatus, **values: Any) -> None:
    ended_id = session.execute(
        update(sync_run)
        .where(_is_leased(id, fence))
        .values(
            status=status.value, finished_at=func.now(), lease_until=None, not_before=None, **values
        )
        .returning(sync_run.c.id)
    ).scalar_one_or_none()
    if ended_id is None:
        raise LeaseLost


def _is_leased(id: UUID, fence: int) -> Any:
    return and_(
        sync_run.c.id == id,
        sync_run.c.fence == fence,
        sync_run.c.status == RunStatus.RUNNING.value,
    )


def _from_now(seconds: float) -> Any:
    """Return a time by the database's clock, since workers' clocks may differ."""
    return func.now() + func.make_interval(0, 0, 0, 0, 0, 0, seconds)


def _reason(problem: Failure) -> dict[str, str | None]:
    return {
        "error_code": problem.code,
        "error_en": problem.en,
        "error_zh": problem.zh,
        "fix_en": problem.fix_en,
        "fix_zh": problem.fix_zh,
    }


_NO_REASON: dict[str, Any] = dict.fromkeys(
    ("error_code", "error_en", "error_zh", "fix_en", "fix_zh")
)
