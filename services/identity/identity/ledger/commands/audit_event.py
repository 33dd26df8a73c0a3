"""Append to the audit ledger, which only grows."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from identity.ledger.domain.audit_event import AuditEvent
from identity.ledger.store import audit_event as store


def append_events(session: Session, events: Sequence[AuditEvent]) -> None:
    """Append events of any service; a repeated event changes nothing."""
    store.append(session, events)
