"""Request an export: estimate it, hold it against the requester's quota, and queue or submit it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chassis import telemetry
from chassis.actor import Actor
from chassis.errors import BadInput, LimitExceeded, Throttled
from chassis.idempotency import run_idempotent
from chassis.policy.scope import Permissions, Scope
from customers.core.domain.ids import new_id
from customers.exports.commands.events import publish_status, record_audit
from customers.exports.commands.stored_filter import filter_of
from customers.exports.domain import customer_export as domain
from customers.exports.domain.customer_export import WAITING, Column
from customers.exports.domain.watermark import KEY_BYTES
from customers.exports.store import customer_export as store, lease
from customers.exports.store.customer_export import Usage
from customers.pool.domain.fields import text as text_rule
from customers.pool.store import customer_search as customers
from customers.pool.store.customer_search import Search
from customers.settings import CustomersSettings


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """Which customers and columns are requested as a file of which format, and why."""

    search: Search
    columns: Sequence[str]
    format: str
    reason: str
    purpose: str
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """What an export would hold, whether it needs approval, and what its requester has used."""

    rows: int
    columns: tuple[Column, ...]
    needs_approval: bool
    usage: Usage

    @property
    def sensitive(self) -> bool:
        """Check whether any column is sensitive."""
        return any(column.sensitive for column in self.columns)


def scopes(permissions: Permissions, actor: Actor, columns: Sequence[Column]) -> list[Scope]:
    """Return the scopes that all must reach a customer for it to be exported.

    Raises `Denied` where the policy does not permit such a file at all.
    """
    customer_scopes = [
        permissions.allow(actor, "Customer", action) for action in ("read", "export")
    ]
    if any(column.of_contact for column in columns):
        permissions.allow(actor, "Contact", "read")
    return customer_scopes


def estimate(
    session: Session,
    permissions: Permissions,
    actor: Actor,
    search: Search,
    names: Sequence[str],
    settings: CustomersSettings,
) -> Estimate:
    """Estimate an export without writing anything; this is also the first step of a request."""
    columns = domain.columns_called(names)
    customer_scopes = scopes(permissions, actor, columns)
    rows = customers.count_within(session, customer_scopes, search, settings.export_max_rows)
    unapproved = rows <= settings.export_unapproved_rows
    needs_approval = not unapproved or any(column.sensitive for column in columns)
    usage = store.usage(session, actor.user_id, settings.export_quota_days)
    return Estimate(rows, columns, needs_approval, usage)


def request(
    session: Session,
    permissions: Permissions,
    actor: Actor,
    export_request: ExportRequest,
    settings: CustomersSettings,
) -> UUID:
    """Request an export and return its id; idempotent by the key.

    It waits for approval, or is queued at once where none is needed. Raises `BadInput`, `Denied`,
    and `LimitExceeded` or `Throttled` where it is larger than settings or quota permit.
    """

    def run() -> dict[str, Any]:
        return {"id": str(_request(session, permissions, actor, export_request, settings))}

    arguments = [
        filter_of(export_request.search),
        list(export_request.columns),
        export_request.format,
        export_request.reason,
        export_request.purpose,
    ]
    result = run_idempotent(
        session,
        actor.user_id,
        export_request.idempotency_key,
        "requestCustomerExport",
        run,
        request=arguments,
    )
    return UUID(result["id"])


def _request(
    session: Session,
    permissions: Permissions,
    actor: Actor,
    export_request: ExportRequest,
    settings: CustomersSettings,
) -> UUID:
    reason = text_rule("reason", 1000)(export_request.reason)
    if len(reason) < 4:
        raise BadInput(
            "reason must say in at least 4 characters what the file is for; the approver decides "
            "by it.",
            "请在 reason 中说明用途（至少 4 个字符），审批人将据此决定。",
            field="reason",
        )
    store.lock_requester(session, actor.user_id)
    estimated = estimate(
        session, permissions, actor, export_request.search, export_request.columns, settings
    )
    _refuse_too_large(estimated, settings)
    id = new_id()
    _insert(session, id, permissions, actor, export_request, estimated, reason, settings)
    changes = {
        "status": [None, WAITING],
        "rows": [None, estimated.rows],
        "columns": [None, ", ".join(column.name for column in estimated.columns)],
    }
    record_audit(
        session,
        actor,
        "request",
        id,
        changes,
        purpose=export_request.purpose,
        policy_version=permissions.version,
    )
    if not estimated.needs_approval:
        lease.queue(session, id, telemetry.traceparent(), telemetry.trace_id())
    publish_status(session, id)
    return id


def _insert(
    session: Session,
    id: UUID,
    permissions: Permissions,
    actor: Actor,
    export_request: ExportRequest,
    estimated: Estimate,
    reason: str,
    settings: CustomersSettings,
) -> None:
    now = store.present(session)
    store.insert(
        session,
        {
            "id": id,
            "actor_id": actor.user_id,
            "department_id": permissions.principal.department,
            "locale": actor.locale,
            "format": export_request.format,
            "columns": [column.name for column in estimated.columns],
            "filter": filter_of(export_request.search),
            "reason": reason,
            "purpose": export_request.purpose,
            "sensitive": estimated.sensitive,
            "status": WAITING,
            "rows_expected": estimated.rows,
            "secret": secrets.token_bytes(32),
            "mark_key": secrets.token_bytes(KEY_BYTES),
            "trace_id": telemetry.trace_id(),
            "expires_at": now + timedelta(days=settings.export_days),
        },
    )


def _refuse_too_large(estimated: Estimate, settings: CustomersSettings) -> None:
    if estimated.rows == 0:
        raise BadInput(
            "No customer that you may export fits the filter.",
            "没有符合筛选条件且您有权导出的客户。",
            field="filter",
        )
    if estimated.rows > settings.export_max_rows:
        raise LimitExceeded(
            f"More than {settings.export_max_rows} customers fit the filter; narrow it.",
            f"符合条件的客户超过 {settings.export_max_rows} 个，请缩小筛选范围。",
            field="filter",
        )
    days = settings.export_quota_days
    if estimated.usage.exports >= settings.export_quota:
        raise Throttled(
            f"You have requested {estimated.usage.exports} exports in {days} days; the quota of a "
            f"user is {settings.export_quota}.",
            f"您在 {days} 天内已导出 {estimated.usage.exports} 次，达到个人上限。",
            retry_after=86_400,
        )
    left = settings.export_quota_rows - estimated.usage.rows
    if estimated.rows > left:
        raise Throttled(
            f"The export holds {estimated.rows} customers, but of your quota of "
            f"{settings.export_quota_rows} customers in {days} days only {max(left, 0)} are left.",
            f"本次导出 {estimated.rows} 个客户，而您在 {days} 天内的额度仅剩 {max(left, 0)} 个。",
            field="filter",
            retry_after=86_400,
        )
