"""Sealing: events that wait get their numbers, in batches that are signed and chained."""

from __future__ import annotations

from uuid import uuid4

from joserfc.jwk import OKPKey
from sqlalchemy.orm import Session

from identity.ledger.domain.ledger import MOST_EVENTS, Header, content, leaf_of, next_header, sign
from identity.ledger.store import ledger as store
from identity.ledger.store.ledger import Sealed


def seal(session: Session, key: OKPKey, most: int = MOST_EVENTS) -> Header | None:
    """Seal the next batch; None: nothing waits, or another process is at it."""
    if not store.hold(session):
        return None
    events = store.take_waiting(session, most)
    if not events:
        return None
    leaves = [leaf_of(content(event)) for event in events]
    last, at = store.latest(session), store.now(session)
    header = next_header(last.header if last else None, str(uuid4()), leaves, at.isoformat())
    sealed = Sealed(header, sign(header, key), leaves)
    store.add(session, sealed, [event.id for event in events], at)
    return header
