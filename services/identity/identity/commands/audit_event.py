"""The ledger only grows."""

from __future__ import annotations

from sqlalchemy.orm import Session

from identity.domain.audit_event import AuditEvent
from identity.store import audit_event as store


def keep(session: Session, event: AuditEvent) -> None:
    """Write an event of any service down; a repeat changes nothing."""
    store.append(session, event)
