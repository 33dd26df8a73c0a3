"""Start and cancel imports, and load one that the caller may see."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

from chassis import telemetry
from chassis.errors import Conflict, NotFound
from chassis.policy.scope import Scope
from customers.imports import store
from customers.imports.domain.import_job import (
    AWAITING_FILE,
    CANCELLED,
    DONE,
    FAILED,
    QUEUED,
    RUNNING,
)
from customers.imports.store import ImportRow
from customers.pool.commands.audit_trail import record_audit


def load_visible(session: Session, scope: Scope, id: UUID, *, locked: bool = False) -> ImportRow:
    """Load an import. Raises `NotFound` where it does not exist or the caller may not see it."""
    row = store.by_id(session, id, locked=locked)
    if row is None or not store.may_see(scope, row):
        raise NotFound(
            f"Import {id} does not exist, or you may not access it.",
            f"导入 {id} 不存在，或您无权访问。",
            field="id",
        )
    return row


def start(session: Session, scope: Scope, id: UUID) -> UUID:
    """Queue an import that has its file, and return its id.

    One that is running or done is left alone; one that failed or was cancelled runs again from the
    first row, which is idempotent. Raises `Conflict` without a file.
    """
    row = load_visible(session, scope, id, locked=True)
    if row.status in (QUEUED, RUNNING, DONE):
        return id
    if row.status == AWAITING_FILE:
        raise Conflict(
            "This import has no file yet; send it to uploadUrl first.",
            "尚未上传文件，请先上传到 uploadUrl。",
            field="id",
            version=row.version,
        )
    store.queue(session, id, telemetry.traceparent(), telemetry.trace_id())
    record_audit(session, scope, f"import:{id}", {"status": [row.status, QUEUED]})
    return id


def cancel(session: Session, scope: Scope, id: UUID) -> UUID:
    """Cancel an import after the running chunk, and return its id; imported rows stay."""
    row = load_visible(session, scope, id, locked=True)
    if row.status in (DONE, FAILED, CANCELLED):
        return id
    store.finish(session, id, CANCELLED, None)
    record_audit(session, scope, f"import:{id}", {"status": [row.status, CANCELLED]})
    return id
