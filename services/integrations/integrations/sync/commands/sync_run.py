"""The life of a sync run: asked for, claimed under a lease, kept alive, laid aside, ended.

A claim raises the fence; every later write names the fence it was claimed with, so a worker that
was thought dead and comes back can change nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import and_, exists, func, insert, or_, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from chassis.audit import events as audit
from chassis.db import among
from chassis.errors import BadInput, Conflict
from chassis.facts import outbox
from chassis.policy.scope import Scope
from integrations.core.domain.failure import Failure
from integrations.installations import store as installations
from integrations.installations.commands import missing
from integrations.installations.store import installation
from integrations.records.store.dead_letter import dead_letter
from integrations.sync.domain import ACTIVE, RunStatus, SyncMode
from integrations.sync.store import COLUMNS, SyncRunRow, sync_run

# A run that was rung for and not taken is rung for again after this long.
RING_AGAIN_SECONDS = 5


class Lost(Exception):
    """The run belongs to somebody else now, or is over: stop without a word."""


def start(
    session: Session, scope: Scope, id: UUID, mode: SyncMode, traceparent: str | None
) -> UUID:
    """Asks for a run now. Raises `Conflict` when one is going on."""
    found = installations.locked(session, scope, id)
    if found is None:
        raise missing(id)
    if found.state != "ACTIVE":
        raise Conflict(
            "The installation is paused; resume it first.",
            "该连接已暂停，请先恢复。",
            field="installationId",
        )
    run = _insert(session, id, found.revision, mode, scope.actor.user_id, traceparent)
    if run is None:
        raise Conflict(
            "A run of this installation is going on; wait for it or cancel it.",
            "该连接正在同步，请等待完成或先取消。",
            field="installationId",
        )
    _tell(session, scope, "sync.requested", run)
    return run


def replay(session: Session, scope: Scope, ids: list[UUID], traceparent: str | None) -> list[UUID]:
    """Asks for another try of these dead letters; one run an installation."""
    if not 1 <= len(ids) <= 1000:
        raise BadInput(
            f"ids has {len(ids)} entries; 1 to 1000 are allowed.",
            f"ids 有 {len(ids)} 项，应为 1 到 1000 项。",
            field="ids",
        )
    table = dead_letter
    found = session.execute(
        select(table.c.id, table.c.installation_id, installation.c.revision)
        .join(installation, installation.c.id == table.c.installation_id)
        .where(among(table.c.id, ids), table.c.state == "OPEN")
        .with_for_update(of=table)
    ).all()
    runs: list[UUID] = []
    for owner in dict.fromkeys((row.installation_id, row.revision) for row in found):
        run = _insert(
            session, owner[0], owner[1], SyncMode.REPLAY, scope.actor.user_id, traceparent
        )
        assert run is not None
        mine = [row.id for row in found if row.installation_id == owner[0]]
        session.execute(update(table).where(among(table.c.id, mine)).values(replay_run_id=run))
        _tell(session, scope, "sync.replay_requested", run)
        runs.append(run)
    return runs


def anything_scheduled(session: Session) -> bool:
    """A cheap look, since a scheduler looks every second and mostly in vain."""
    return bool(session.execute(select(exists().where(_due()))).scalar_one())


def anything_waiting(session: Session) -> bool:
    """The same for runs that wait for a worker."""
    return bool(session.execute(select(exists().where(_open(), _free()))).scalar_one())


def schedule_due(session: Session, new_trace: Callable[[str, str], str | None]) -> list[UUID]:
    """Runs for every installation whose time has come; two schedulers never take the same one."""
    due = session.execute(
        select(installation.c.id, installation.c.revision)
        .where(_due())
        .order_by(installation.c.next_due_at)
        .limit(50)
        .with_for_update(skip_locked=True)
    ).all()
    started: list[UUID] = []
    for id, revision in due:
        mode = SyncMode.INCREMENTAL
        run = _insert(session, id, revision, mode, None, new_trace(str(id), mode.value))
        if run is not None:
            started.append(run)
        session.execute(
            update(installation)
            .where(installation.c.id == id)
            .values(
                next_due_at=func.now()
                + func.make_interval(0, 0, 0, 0, 0, 0, installation.c.interval_seconds)
            )
        )
    return started


def ring(session: Session, most: int = 50) -> list[UUID]:
    """Runs that wait for a worker, and those whose worker died: their leases ran out."""
    again = text(f"now() - interval '{RING_AGAIN_SECONDS} seconds'")
    waiting = (
        select(sync_run.c.id)
        .where(
            _open(),
            _free(),
            or_(sync_run.c.rung_at.is_(None), sync_run.c.rung_at < again),
        )
        .order_by(sync_run.c.queued_at)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    found = session.execute(
        update(sync_run)
        .where(sync_run.c.id.in_(waiting))
        .values(rung_at=func.now())
        .returning(sync_run.c.id)
    )
    return list(found.scalars())


def claim(session: Session, id: UUID, worker: str, lease_seconds: float) -> SyncRunRow | None:
    """The run under a lease and a new fence, or nothing when it is not free."""
    row = session.execute(
        update(sync_run)
        .where(sync_run.c.id == id, _open(), _free())
        .values(
            status=RunStatus.RUNNING.value,
            worker=worker,
            fence=sync_run.c.fence + 1,
            lease_until=_in(lease_seconds),
            heartbeat_at=func.now(),
            started_at=func.coalesce(sync_run.c.started_at, func.now()),
            not_before=None,
        )
        .returning(*COLUMNS)
    ).one_or_none()
    return SyncRunRow(*row) if row else None


def keep_alive(session: Session, id: UUID, fence: int, lease_seconds: float) -> bool:
    """Renews the lease; tells whether somebody wants the run to stop. Raises `Lost`."""
    wanted: bool | None = session.execute(
        update(sync_run)
        .where(_mine(id, fence))
        .values(lease_until=_in(lease_seconds), heartbeat_at=func.now())
        .returning(sync_run.c.cancel_requested)
    ).scalar_one_or_none()
    if wanted is None:
        raise Lost
    return wanted


def hold(session: Session, id: UUID, fence: int) -> SyncRunRow:
    """The run as it is now, locked until the transaction ends. Raises `Lost`."""
    row = session.execute(select(*COLUMNS).where(_mine(id, fence)).with_for_update()).one_or_none()
    if row is None:
        raise Lost
    return SyncRunRow(*row)


def release(session: Session, id: UUID, fence: int) -> None:
    """Gives the run back between two slices of work."""
    session.execute(
        update(sync_run).where(_mine(id, fence)).values(lease_until=None, rung_at=func.now())
    )


def lay_aside(session: Session, id: UUID, fence: int, problem: Failure, seconds: float) -> None:
    """Comes back later; the reason can be read meanwhile."""
    session.execute(
        update(sync_run)
        .where(_mine(id, fence))
        .values(
            lease_until=None,
            rung_at=None,
            not_before=_in(seconds),
            tries=sync_run.c.tries + 1,
            **_reason(problem),
        )
    )


def fail(session: Session, id: UUID, fence: int, problem: Failure) -> None:
    """The end, with the reason. No watermark moves."""
    _end(session, id, fence, RunStatus.FAILED, **_reason(problem))


def finish(session: Session, id: UUID, fence: int, status: RunStatus) -> None:
    """The end of a run that read everything it set out to read; only now watermarks move."""
    run = hold(session, id, fence)
    for stream, mark in run.watermarks.items():
        session.execute(
            _upsert_mark(), {"i": run.installation_id, "s": stream, "m": _json(mark), "r": id}
        )
    reason = {} if status is RunStatus.PARTIAL and not run.whole else _NO_REASON
    _end(session, id, fence, status, **reason)


def request_cancel(session: Session, scope: Scope, id: UUID, run: SyncRunRow) -> UUID:
    """A run nobody works on ends at once, another one before its next page."""
    ended = session.execute(
        update(sync_run)
        .where(sync_run.c.id == id, _open(), _unleased())
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
            .where(sync_run.c.id == id, _open())
            .values(cancel_requested=True)
            .returning(sync_run.c.id)
        ).scalar_one_or_none()
        if changed is None:
            raise Conflict(
                f"The run is over ({run.status}); only a queued or running one can be cancelled.",
                f"该同步已结束（{run.status}），只能取消排队中或运行中的同步。",
                field="id",
            )
    _tell(session, scope, "sync.cancel_requested", id)
    return id


def cancelled(session: Session, id: UUID, fence: int) -> None:
    """The worker has stopped as it was asked to."""
    _end(session, id, fence, RunStatus.CANCELLED)


def _insert(
    session: Session,
    installation_id: UUID,
    revision: int,
    mode: SyncMode,
    by: UUID | None,
    traceparent: str | None,
) -> UUID | None:
    values = {
        "installation_id": installation_id,
        "revision": revision,
        "mode": mode.value,
        "requested_by": by,
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


def _end(session: Session, id: UUID, fence: int, status: RunStatus, **more: Any) -> None:
    ended = session.execute(
        update(sync_run)
        .where(_mine(id, fence))
        .values(
            status=status.value, finished_at=func.now(), lease_until=None, not_before=None, **more
        )
        .returning(sync_run.c.installation_id)
    ).scalar_one_or_none()
    if ended is None:
        raise Lost
    body = {"id": str(id), "installation": str(ended), "status": status.value}
    outbox.record(session, outbox.Fact("sync.finished", str(id), body))


def _tell(session: Session, scope: Scope, what: str, run: UUID) -> None:
    outbox.record(session, outbox.Fact(what, str(run), {"id": str(run)}))
    audit.record(
        session, audit.Entry(scope.actor, what, "SyncRun", str(run), policy_version=scope.version)
    )


def _due() -> Any:
    return and_(installation.c.state == "ACTIVE", installation.c.next_due_at <= func.now())


def _open() -> Any:
    return sync_run.c.status.in_([status.value for status in ACTIVE])


def _unleased() -> Any:
    return or_(sync_run.c.lease_until.is_(None), sync_run.c.lease_until < func.now())


def _free() -> Any:
    rested = or_(sync_run.c.not_before.is_(None), sync_run.c.not_before <= func.now())
    return and_(_unleased(), rested)


def _mine(id: UUID, fence: int) -> Any:
    return and_(
        sync_run.c.id == id,
        sync_run.c.fence == fence,
        sync_run.c.status == RunStatus.RUNNING.value,
    )


def _in(seconds: float) -> Any:
    """The database's clock leases; workers' clocks may differ."""
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


def _upsert_mark() -> Any:
    return text(
        "INSERT INTO stream_state (installation_id, stream, watermark, run_id) "
        "VALUES (:i, :s, CAST(:m AS jsonb), :r) "
        "ON CONFLICT (installation_id, stream) DO UPDATE SET watermark = excluded.watermark, "
        "run_id = excluded.run_id, completed_at = now()"
    )


def _json(said: Any) -> str:
    return orjson.dumps(said).decode()
