"""Audit events and facts of exports, which every step of an export records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.actor import Actor
from chassis.audit import events as audit
from chassis.facts.outbox import record
from customers.core.domain import facts
from customers.exports.store import customer_export as store

OBJECT = "CustomerExport"


def record_audit(
    session: Session,
    actor: Actor | None,
    action: str,
    id: UUID,
    changes: Mapping[str, Any],
    *,
    purpose: str | None,
    policy_version: int | None,
) -> None:
    """Record the audit event of a step of an export; without an actor the system took it."""
    audit.record(
        session,
        audit.Entry(
            actor,
            action,
            OBJECT,
            str(id),
            changes=changes,
            purpose=purpose,
            policy_version=policy_version,
        ),
    )


def publish_status(session: Session, id: UUID) -> None:
    """Record the fact that an export has another status, for those who are notified of it."""
    row = store.by_id(session, id)
    assert row is not None
    last_user = row.ended_by or row.decided_by
    body = {
        "user": str(row.actor_id),
        "department": str(row.department_id) if row.department_id else None,
        "status": row.status,
        "rows": row.rows_expected,
        "sensitive": row.sensitive,
        "by": str(last_user) if last_user else None,
    }
    record(session, facts.EXPORT_CHANGED.about(id, body))
