"""Every service tells of its audit events; the ledger keeps them under the id of the fact.

A fact tells of one event, or of the many reads that were answered together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy.orm import Session

from chassis.facts.stream import Received
from identity.core.domain.ids import AuditEventId, UserId
from identity.ledger.commands.audit_event import keep
from identity.ledger.domain.audit_event import AuditEvent


def audit_recorded(session: Session, fact: Received) -> None:
    """Keep what one fact tells. The stream names the service, so none writes in another's name."""
    several = fact.body.get("events")
    if several is None:
        keep(session, [_event(fact, fact.id, fact.body)])
    else:
        keep(
            session,
            [_event(fact, uuid5(fact.id, str(i)), body) for i, body in enumerate(several)],
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
