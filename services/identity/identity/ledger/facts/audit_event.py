"""Store the audit events that every service publishes, under the id of the fact.

A fact holds one event, or many reads that were answered together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy.orm import Session

from chassis.facts.stream import Received
from identity.core.domain.ids import AuditEventId, UserId
from identity.ledger.commands.audit_event import append_events
from identity.ledger.domain.audit_event import AuditEvent


def audit_recorded(session: Session, fact: Received) -> None:
    """Store the events of a fact.

    The stream names the service, so that none can write in the name of another.
    """
    bodies = fact.body.get("events")
    if bodies is None:
        append_events(session, [_event(fact, fact.id, fact.body)])
    else:
        append_events(
            session,
            [_event(fact, uuid5(fact.id, str(i)), body) for i, body in enumerate(bodies)],
        )


def _event(fact: Received, id: UUID, body: Mapping[str, Any]) -> AuditEvent:
    actor = _uuid(body.get("actor"))
    return AuditEvent(
        id=AuditEventId(id),
        at=fact.at,
        service=fact.source,
        actor=UserId(actor) if actor else None,
        session=_uuid(body.get("session")),
        action=str(body["action"]),
        object=str(body["object"]),
        resource=str(body["resource"]),
        changes=_object(body.get("changes")),
        details=_object(body.get("details")),
        purpose=body.get("purpose"),
        decision=str(body.get("decision") or "allow"),
        policy_version=body.get("policy_version"),
        trace_id=body.get("trace_id"),
    )


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _uuid(text: Any) -> UUID | None:
    return UUID(text) if text else None
