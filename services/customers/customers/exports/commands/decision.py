"""Decide about exports: approve, reject, cancel, revoke and expire them."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from chassis import telemetry
from chassis.actor import Actor
from chassis.errors import BadInput, Conflict, Denied, HuichiError
from chassis.policy.scope import Scope
from customers.exports.commands.events import publish_status, record_audit
from customers.exports.commands.visible_export import load_visible
from customers.exports.domain.customer_export import (
    CANCELLED,
    EXPIRED,
    FAILED,
    MAKING,
    OPEN,
    QUEUED,
    READY,
    REJECTED,
    REVOKED,
    RUNNING,
    WAITING,
)
from customers.exports.store import customer_export as store, lease
from customers.exports.store.customer_export import ExportRow
from customers.pool.domain.fields import text as text_rule
from customers.settings import CustomersSettings


def decide(
    session: Session,
    scope: Scope,
    id: UUID,
    *,
    approve: bool,
    note: str,
    expected: int | None,
    settings: CustomersSettings,
) -> UUID:
    """Approve or reject an export of another user and return its id.

    Raises `Denied` for the actor's own export, and `Conflict` where it does not wait for a decision
    or its version is not the expected one.
    """
    row = load_visible(session, scope.actor.user_id, scope, id, locked=True)
    if row.actor_id == scope.actor.user_id:
        raise Denied(
            "You cannot decide about your own export; another user who may approve exports must.",
            "不能审批自己的导出申请，请由其他有审批权限的人处理。",
            field="id",
        )
    _refuse_stale(row, expected)
    remark = text_rule("note", 1000)(note)
    if not approve and not remark:
        raise BadInput(
            "note must say why the export is rejected.", "请在 note 中说明驳回原因。", field="note"
        )
    now = store.present(session)
    if row.status != WAITING or row.expires_at <= now:
        raise _not_waiting(row)
    columns = {"expires_at": now + timedelta(days=settings.export_days)} if approve else {}
    store.change(
        session,
        id,
        decided_by=scope.actor.user_id,
        decided_at=now,
        note=remark or None,
        **columns,
    )
    if approve:
        lease.queue(session, id, telemetry.traceparent(), telemetry.trace_id())
    else:
        lease.finish(session, id, REJECTED, ended_by=scope.actor.user_id)
    record_audit(
        session,
        scope.actor,
        "approve" if approve else "reject",
        id,
        {"status": [WAITING, QUEUED if approve else REJECTED]},
        purpose=row.purpose,
        policy_version=scope.version,
    )
    publish_status(session, id)
    return id


def cancel(session: Session, actor: Actor, id: UUID, version: int) -> UUID:
    """Cancel an export of the actor under this policy version; one that has a file is revoked."""
    row = load_visible(session, actor.user_id, None, id, locked=True)
    if row.status == READY:
        return _end(session, actor, row, REVOKED, version)
    if row.status in OPEN:
        return _end(session, actor, row, CANCELLED, version)
    return id


def revoke(session: Session, actor: Actor, approver: Scope | None, id: UUID, version: int) -> UUID:
    """Revoke an export as its requester or as an approver; its file and addresses end at once."""
    row = load_visible(session, actor.user_id, approver, id, locked=True)
    return _end(session, actor, row, REVOKED, version) if row.status in OPEN else id


def revoke_all_of(session: Session, user: UUID) -> int:
    """Revoke all open exports of a user who has left; return how many. Idempotent."""
    rows = store.lock_open(session, user, OPEN)
    for row in rows:
        _end(session, None, row, REVOKED, None)
    return len(rows)


def expire(session: Session, limit: int = 200) -> int:
    """End exports whose time is over; return how many."""
    rows = store.lock_overdue(session, limit)
    for row in rows:
        _end(session, None, row, EXPIRED, None)
    return len(rows)


def fail(session: Session, id: UUID, fence: int, problem: HuichiError) -> None:
    """End an export whose file cannot be made, unless the run's fencing token is stale."""
    row = store.by_id(session, id, locked=True)
    if row is None or row.fence != fence or row.status != RUNNING:
        return
    texts = {"code": problem.code, "en": problem.en, "zh": problem.zh}
    lease.finish(session, id, FAILED, problem=texts)
    changes = {"status": [row.status, FAILED], "code": [None, problem.code]}
    record_audit(session, None, "fail", row.id, changes, purpose=row.purpose, policy_version=None)
    publish_status(session, row.id)


def _end(
    session: Session, actor: Actor | None, row: ExportRow, status: str, version: int | None
) -> UUID:
    lease.finish(session, row.id, status, ended_by=actor.user_id if actor else None)
    record_audit(
        session,
        actor,
        {CANCELLED: "cancel", REVOKED: "revoke", EXPIRED: "expire"}[status],
        row.id,
        {"status": [row.status, status]},
        purpose=row.purpose,
        policy_version=version,
    )
    publish_status(session, row.id)
    return row.id


def _not_waiting(row: ExportRow) -> Conflict:
    if row.status in MAKING:
        return Conflict(
            "The file is being made; wait until the export is READY.",
            "文件正在生成，请等待状态变为 READY。",
            field="id",
            version=row.version,
        )
    return Conflict(
        f"The export is {row.status}, so it cannot be approved or rejected any more.",
        f"该导出当前状态为 {row.status}，无法再审批。",
        field="id",
        version=row.version,
    )


def _refuse_stale(row: ExportRow, expected: int | None) -> None:
    if expected is not None and expected != row.version:
        raise Conflict(
            "The export was changed by another user; reload it.",
            "该导出已被他人更新，请刷新后重试。",
            field="expectedVersion",
            version=row.version,
        )
