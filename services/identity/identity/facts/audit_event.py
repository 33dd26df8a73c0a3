"""Every service tells of its audit events; the ledger keeps them under the id of the fact."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.stream import Received
from identity.commands.audit_event import keep
from identity.domain.audit_event import AuditEvent
from identity.domain.ids import AuditEventId, UserId


def audit_recorded(session: Session, fact: Received) -> None:
    """Keep one event. The stream names the service, so no service writes in another's name."""
    body = fact.body
    actor = _uuid(body.get("actor"))
    changes = body.get("changes")
    keep(
        session,
        AuditEvent(
            id=AuditEventId(fact.id),
            at=fact.at,
            service=fact.source,
            actor=UserId(actor) if actor else None,
            session=_uuid(body.get("session")),
            action=str(body["action"]),
            object=str(body["object"]),
            resource=str(body["resource"]),
            changes=changes if isinstance(changes, dict) else {},
            purpose=body.get("purpose"),
            decision=str(body.get("decision") or "allow"),
            policy_version=body.get("policy_version"),
            trace_id=body.get("trace_id"),
        ),
    )


def _uuid(text: Any) -> UUID | None:
    return UUID(text) if text else None
