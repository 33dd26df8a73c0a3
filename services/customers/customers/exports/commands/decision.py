"""The way of an export: asked for with a reason, allowed by somebody else, fetched, and ended at will."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chassis import telemetry
from chassis.actor import Actor
from chassis.audit import events as audit
from chassis.errors import (
    BadInput,
    Conflict,
    Denied,
    HuichiError,
    LimitExceeded,
    NotFound,
    Throttled,
)
from chassis.facts.outbox import record
from chassis.idempotency import run_idempotent
from chassis.policy.scope import Permissions, Scope
from customers.core.domain import facts
from customers.core.domain.ids import new_id
from customers.exports.domain import customer_export as domain
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
    WAITING,
    Column,
)
from customers.exports.domain.watermark import KEY_BYTES
from customers.exports.store import customer_export as store
from customers.exports.store.customer_export import ExportRow, Used
from customers.pool.domain.fields import text as text_rule
from customers.pool.store import customer as customers
from customers.pool.store.customer import Search
from customers.settings import CustomersSettings

OBJECT = "CustomerExport"


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to take away, and why."""

    search: Search
    columns: Sequence[str]
    format: str
    reason: str
    purpose: str
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """What an export would be, before it is asked for."""

    rows: int
    columns: tuple[Column, ...]
    needs_approval: bool
    used: Used

    @property
    def sensitive(self) -> bool:
        return any(column.sensitive for column in self.columns)


def scopes(permissions: Permissions, actor: Actor, columns: Sequence[Column]) -> list[Scope]:
    """What somebody needs for such a file: a row leaves only if all of these reach it. Raises
    `Denied`."""
    found = [permissions.allow(actor, "Customer", action) for action in ("read", "export")]
    if any(column.of_contact for column in columns):
        permissions.allow(actor, "Contact", "read")
    return found


def estimate(
    session: Session,
    permissions: Permissions,
    actor: Actor,
    search: Search,
    names: Sequence[str],
    settings: CustomersSettings,
) -> Estimate:
    """Nothing is written; this is also the first step of a request."""
    columns = domain.columns_called(names)
    reached = scopes(permissions, actor, columns)
    rows = customers.count_within(session, reached, search, settings.export_max_rows)
    free = rows <= settings.export_unapproved_rows and not any(c.sensitive for c in columns)
    period = store.used(session, actor.user_id, settings.export_quota_days)
    return Estimate(rows, columns, not free, period)


def request(
    session: Session,
    permissions: Permissions,
    actor: Actor,
    wish: Wish,
    settings: CustomersSettings,
) -> UUID:
    """An export that waits for somebody's approval, or that is made at once where none is needed."""

    def run() -> dict[str, Any]:
        return {"id": str(_request(session, permissions, actor, wish, settings))}

    said = [filter_of(wish.search), list(wish.columns), wish.format, wish.reason, wish.purpose]
    answer = run_idempotent(
        session, actor.user_id, wish.idempotency_key, "requestCustomerExport", run, request=said
    )
    return UUID(answer["id"])


def _request(
    session: Session,
    permissions: Permissions,
    actor: Actor,
    wish: Wish,
    settings: CustomersSettings,
) -> UUID:
    reason = text_rule("reason", 1000)(wish.reason)
    if len(reason) < 4:
        raise BadInput(
            "Say in reason what the file is for, in at least 4 characters: somebody decides by it.",
            "请在 reason 中说明用途（至少 4 个字符），审批人将据此决定。",
            field="reason",
        )
    store.hold_person(session, actor.user_id)
    found = estimate(session, permissions, actor, wish.search, wish.columns, settings)
    _refuse_too_much(found, settings)
    id = new_id()
    now = store.present(session)
    store.insert(
        session,
        {
            "id": id,
            "actor_id": actor.user_id,
            "department_id": permissions.principal.department,
            "locale": actor.locale,
            "format": wish.format,
            "columns": [column.name for column in found.columns],
            "filter": filter_of(wish.search),
            "reason": reason,
            "purpose": wish.purpose,
            "sensitive": found.sensitive,
            "status": WAITING,
            "rows_expected": found.rows,
            "secret": secrets.token_bytes(32),
            "mark_key": secrets.token_bytes(KEY_BYTES),
            "trace_id": telemetry.trace_id(),
            "expires_at": now + timedelta(days=settings.export_days),
        },
    )
    changes = {
        "status": [None, WAITING],
        "rows": [None, found.rows],
        "columns": [None, ", ".join(column.name for column in found.columns)],
    }
    _tell(session, actor, "request", id, changes, wish.purpose, permissions.version)
    if not found.needs_approval:
        store.queue(session, id, telemetry.traceparent(), telemetry.trace_id())
    tell_status(session, id)
    return id


def _refuse_too_much(found: Estimate, settings: CustomersSettings) -> None:
    if found.rows == 0:
        raise BadInput(
            "No customer that you may export fits the filter.",
            "没有符合筛选条件且您有权导出的客户。",
            field="filter",
        )
    if found.rows > settings.export_max_rows:
        raise LimitExceeded(
            f"More than {settings.export_max_rows} customers fit; narrow the filter.",
            f"符合条件的客户超过 {settings.export_max_rows} 个，请缩小筛选范围。",
            field="filter",
        )
    days = settings.export_quota_days
    if found.used.exports >= settings.export_quota:
        raise Throttled(
            f"You have had {found.used.exports} exports in {days} days, which is all that one "
            "person may have.",
            f"您在 {days} 天内已导出 {found.used.exports} 次，达到个人上限。",
            retry_after=86_400,
        )
    left = settings.export_quota_rows - found.used.rows
    if found.rows > left:
        raise Throttled(
            f"This holds {found.rows} customers, but of {settings.export_quota_rows} in {days} "
            f"days only {max(left, 0)} are left for you.",
            f"本次导出 {found.rows} 个客户，而您在 {days} 天内的额度仅剩 {max(left, 0)} 个。",
            field="filter",
            retry_after=86_400,
        )


def seen(
    session: Session, me: UUID, others: Scope | None, id: UUID, *, locked: bool = False
) -> ExportRow:
    """Raises `NotFound` for an export that is not there or not this person's to see."""
    row = store.by_id(session, id, locked=locked)
    if row is None or not store.may_see(me, others, row):
        raise NotFound(
            f"There is no export {id}, or it is not for you to see.",
            f"没有导出 {id}，或您无权查看。",
            field="id",
        )
    return row


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
    """The word of a second person. The right to approve makes nobody judge in their own cause."""
    row = seen(session, scope.actor.user_id, scope, id, locked=True)
    if row.actor_id == scope.actor.user_id:
        raise Denied(
            "Nobody decides about their own export; ask somebody else who may approve exports.",
            "不能审批自己的导出申请，请由其他有审批权限的人处理。",
            field="id",
        )
    _refuse_stale(row, expected)
    words = text_rule("note", 1000)(note)
    if not approve and not words:
        raise BadInput(
            "Say in note why it is rejected.", "请在 note 中说明驳回原因。", field="note"
        )
    if row.status != WAITING or row.expires_at <= store.present(session):
        raise _not_now(row)
    ends = store.present(session) + timedelta(days=settings.export_days)
    store.change(
        session,
        id,
        decided_by=scope.actor.user_id,
        decided_at=store.present(session),
        note=words or None,
        **({"expires_at": ends} if approve else {}),
    )
    if approve:
        store.queue(session, id, telemetry.traceparent(), telemetry.trace_id())
    else:
        store.finish(session, id, REJECTED, by=scope.actor.user_id)
    after = QUEUED if approve else REJECTED
    action = "approve" if approve else "reject"
    changes = {"status": [WAITING, after]}
    _tell(session, scope.actor, action, id, changes, row.purpose, scope.version)
    tell_status(session, id)
    return id


def cancel(session: Session, actor: Actor, id: UUID, version: int) -> UUID:
    """Its requester no longer wants it. One that has a file is revoked."""
    row = seen(session, actor.user_id, None, id, locked=True)
    if row.status == READY:
        return _end(session, actor, row, REVOKED, version)
    if row.status in OPEN:
        return _end(session, actor, row, CANCELLED, version)
    return id


def revoke(session: Session, actor: Actor, approver: Scope | None, id: UUID, version: int) -> UUID:
    """Whoever asked for it, or may approve it, takes it back: its file and addresses end at once."""
    row = seen(session, actor.user_id, approver, id, locked=True)
    return _end(session, actor, row, REVOKED, version) if row.status in OPEN else id


def revoke_all_of(session: Session, user: UUID) -> int:
    """Everything that somebody who left still had; twice is the same as once."""
    rows = store.open_of(session, user, OPEN)
    for row in rows:
        _end(session, None, row, REVOKED, None)
    return len(rows)


def expire(session: Session, most: int = 200) -> int:
    """Ends what had its time; how many."""
    rows = store.overdue(session, most)
    for row in rows:
        _end(session, None, row, EXPIRED, None)
    return len(rows)


def told_failed(session: Session, row: ExportRow, problem: HuichiError) -> None:
    """The audit event of a file that could not be made."""
    changes = {"status": [row.status, FAILED], "code": [None, problem.code]}
    _tell(session, None, "fail", row.id, changes, row.purpose, None)
    tell_status(session, row.id)


def _end(
    session: Session, actor: Actor | None, row: ExportRow, status: str, version: int | None
) -> UUID:
    store.finish(session, row.id, status, by=actor.user_id if actor else None)
    action = {CANCELLED: "cancel", REVOKED: "revoke", EXPIRED: "expire"}[status]
    _tell(session, actor, action, row.id, {"status": [row.status, status]}, row.purpose, version)
    tell_status(session, row.id)
    return row.id


def tell_status(session: Session, id: UUID) -> None:
    """The fact of where an export stands now, for whoever waits for it."""
    row = store.by_id(session, id)
    assert row is not None
    by = row.ended_by or row.decided_by
    body = {
        "user": str(row.actor_id),
        "department": str(row.department_id) if row.department_id else None,
        "status": row.status,
        "rows": row.rows_expected,
        "sensitive": row.sensitive,
        "by": str(by) if by else None,
    }
    record(session, facts.EXPORT_CHANGED.about(id, body))


def _not_now(row: ExportRow) -> Conflict:
    if row.status in MAKING:
        return Conflict(
            "The file is being made; wait until the export is READY.",
            "文件正在生成，请等待状态变为 READY。",
            field="id",
            version=row.version,
        )
    return Conflict(
        f"The export is {row.status}; that cannot be done with it any more.",
        f"该导出当前状态为 {row.status}，无法执行此操作。",
        field="id",
        version=row.version,
    )


def _refuse_stale(row: ExportRow, expected: int | None) -> None:
    if expected is not None and expected != row.version:
        raise Conflict(
            "Somebody else was here meanwhile; look at the export again.",
            "该导出已被他人更新，请刷新后重试。",
            field="expectedVersion",
            version=row.version,
        )


def _tell(
    session: Session,
    actor: Actor | None,
    action: str,
    id: UUID,
    changes: Mapping[str, Any],
    purpose: str | None,
    version: int | None,
) -> None:
    audit.record(
        session,
        audit.Entry(
            actor,
            action,
            OBJECT,
            str(id),
            changes=changes,
            purpose=purpose,
            policy_version=version,
        ),
    )


def filter_of(search: Search) -> dict[str, Any]:
    """A filter as it is kept; `search_of` reads it."""
    kept: dict[str, Any] = {}
    for name, value in asdict(search).items():
        if isinstance(value, datetime):
            kept[name] = value.isoformat()
        elif isinstance(value, (list, tuple)):
            if value:
                kept[name] = [str(one) for one in value]
        elif value is not None:
            kept[name] = value
    return kept


def search_of(kept: Mapping[str, Any]) -> Search:
    """The filter of an export."""
    known = dict(kept)
    for name in ("owners", "departments", "tags", "ids"):
        if name in known:
            known[name] = [UUID(id) for id in known[name]]
    if "updated_after" in known:
        known["updated_after"] = datetime.fromisoformat(known["updated_after"])
    return Search(**known)
