"""The ledger only grows."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from identity.ledger.domain.audit_event import AuditEvent
from identity.ledger.store import audit_event as store


def keep(session: Session, events: Sequence[AuditEvent]) -> None:
    """Write events of any service down; a repeat changes nothing."""
    store.append(session, events)
