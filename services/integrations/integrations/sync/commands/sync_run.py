"""Start sync runs on request or on schedule, find the ones that need a worker, and cancel them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from sqlalchemy import and_, exists, func, insert, or_, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from chassis.audit import events as audit
from chassis.db import among
from chassis.errors import BadInput, Conflict
from chassis.policy.scope import Scope
from integrations.installations import store as installations
from integrations.installations.commands import missing
from integrations.installations.store import installation
from integrations.records.store.dead_letter import dead_letter
from integrations.sync.domain import RunStatus, SyncMode
from integrations.sync.store import SyncRunRow, is_active, is_claimable, is_unleased, sync_run

# A worker is called again for a run that was not claimed within this time.
CALL_AGAIN_SECONDS = 5


def start(
    session: Session, scope: Scope, id: UUID, mode: SyncMode, traceparent: str | None
) -> UUID:
    """Queue a run of an installation and return its id.

    Raises `NotFound`, or `Conflict` when the installation is paused or has an active run.
    """
    row = installations.locked(session, scope, id)
    if row is None:
        raise missing(id)
    if row.state != "ACTIVE":
        raise Conflict(
            "The installation is paused; resume it first.",
            "该连接已暂停，请先恢复。",
            field="installationId",
        )
    run = _insert(session, id, row.revision, mode, scope.actor.user_id, traceparent)
    if run is None:
        raise Conflict(
            "The installation has an active run; wait for its end or cancel it.",
            "该连接正在同步，请等待完成或先取消。",
            field="installationId",
        )
    _record_request(session, scope, "sync.requested", run)
    return run


def replay(session: Session, scope: Scope, ids: list[UUID], traceparent: str | None) -> list[UUID]:
    """Queue a replay of the open ones of these dead letters, one run for each installation.

    Returns the ids of the runs. Raises `BadInput` unless there are 1 to 1000 ids.
    """
    if not 1 <= len(ids) <= 1000:
        raise BadInput(
            f"ids has {len(ids)} entries; 1 to 1000 are allowed.",
            f"ids 有 {len(ids)} 项，应为 1 到 1000 项。",
            field="ids",
        )
    table = dead_letter
    rows = session.execute(
        select(table.c.id, table.c.installation_id, installation.c.revision)
        .join(installation, installation.c.id == table.c.installation_id)
        .where(among(table.c.id, ids), table.c.state == "OPEN")
        .with_for_update(of=table)
    ).all()
    runs: list[UUID] = []
    for installation_id, revision in dict.fromkeys(
        (row.installation_id, row.revision) for row in rows
    ):
        run = _insert(
            session, installation_id, revision, SyncMode.REPLAY, scope.actor.user_id, traceparent
        )
        assert run is not None
        dead_letters = [row.id for row in rows if row.installation_id == installation_id]
        session.execute(
            update(table).where(among(table.c.id, dead_letters)).values(replay_run_id=run)
        )
        _record_request(session, scope, "sync.replay_requested", run)
        runs.append(run)
    return runs


def any_installation_due(session: Session) -> bool:
    """Return whether an installation is due.

    A read before the write, since the scheduler looks every second and mostly finds nothing.
    """
    return bool(session.execute(select(exists().where(_is_due()))).scalar_one())


def any_run_waiting(session: Session) -> bool:
    """Return whether a run waits for a worker."""
    return bool(session.execute(select(exists().where(is_active(), is_claimable()))).scalar_one())


def any_work(session: Session) -> bool:
    """Return whether an installation is due or a run waits for a worker."""
    waiting = exists().where(is_active(), is_claimable())
    return bool(session.execute(select(exists().where(_is_due()) | waiting)).scalar_one())


def schedule_due(session: Session, new_trace: Callable[[str, str], str | None]) -> list[UUID]:
    """Queue a run for every installation that is due, and return the ids of the runs.

    Rows are skipped while locked, so that two schedulers never take the same installation.
    """
    rows = session.execute(
        select(installation.c.id, installation.c.revision)
        .where(_is_due())
        .order_by(installation.c.next_due_at)
        .limit(50)
        .with_for_update(skip_locked=True)
    ).all()
    runs: list[UUID] = []
    for id, revision in rows:
        mode = SyncMode.INCREMENTAL
        run = _insert(session, id, revision, mode, None, new_trace(str(id), mode.value))
        if run is not None:
            runs.append(run)
        session.execute(
            update(installation)
            .where(installation.c.id == id)
            .values(
                next_due_at=func.now()
                + func.make_interval(0, 0, 0, 0, 0, 0, installation.c.interval_seconds)
            )
        )
    return runs


def take_waiting(session: Session, limit: int = 50) -> list[UUID]:
    """Return runs to call a worker for, and note the time of the call.

    These are queued runs, and runs whose worker died so that their lease ran out.
    """
    earliest = text(f"now() - interval '{CALL_AGAIN_SECONDS} seconds'")
    waiting = (
        select(sync_run.c.id)
        .where(
            is_active(),
            is_claimable(),
            or_(sync_run.c.rung_at.is_(None), sync_run.c.rung_at < earliest),
        )
        .order_by(sync_run.c.queued_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = session.execute(
        update(sync_run)
        .where(sync_run.c.id.in_(waiting))
        .values(rung_at=func.now())
        .returning(sync_run.c.id)
    )
    return list(ids.scalars())


def request_cancel(session: Session, scope: Scope, id: UUID, run: SyncRunRow) -> UUID:
    """End a run without a worker at once, and ask the worker of another one to stop.

    Raises `Conflict` when the run has ended.
    """
    ended = session.execute(
        update(sync_run)
        .where(sync_run.c.id == id, is_active(), is_unleased())
        .values(
            status=RunStatus.CANCELLED.value,
            cancel_requested=True,
            finished_at=func.now(),
            fence=sync_run.c.fence + 1,
        )
        .returning(sync_run.c.id)
    ).scalar_one_or_none()
    if ended is None:
        changed = session.execute(
            update(sync_run)
            .where(sync_run.c.id == id, is_active())
            .values(cancel_requested=True)
            .returning(sync_run.c.id)
        ).scalar_one_or_none()
        if changed is None:
            raise Conflict(
                f"The run has ended ({run.status}); only a queued or running one can be cancelled.",
                f"该同步已结束（{run.status}），只能取消排队中或运行中的同步。",
                field="id",
            )
    _record_request(session, scope, "sync.cancel_requested", id)
    return id


def _insert(
    session: Session,
    installation_id: UUID,
    revision: int,
    mode: SyncMode,
    requested_by: UUID | None,
    traceparent: str | None,
) -> UUID | None:
    """Insert a queued run; `None` when the installation already has an active one."""
    values = {
        "installation_id": installation_id,
        "revision": revision,
        "mode": mode.value,
        "requested_by": requested_by,
        "traceparent": traceparent,
        "trace_id": traceparent.split("-")[1] if traceparent else None,
    }
    try:
        with session.begin_nested():
            id: UUID = session.execute(
                insert(sync_run).values(values).returning(sync_run.c.id)
            ).scalar_one()
    except IntegrityError:
        return None
    return id


def _record_request(session: Session, scope: Scope, action: str, run: UUID) -> None:
    audit.record(
        session, audit.Entry(scope.actor, action, "SyncRun", str(run), policy_version=scope.version)
    )


def _is_due() -> Any:
    return and_(installation.c.state == "ACTIVE", installation.c.next_due_at <= func.now())
