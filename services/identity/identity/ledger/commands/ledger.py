"""Seal the ledger: number the waiting events in batches that are signed and chained."""

from __future__ import annotations

from uuid import uuid4

from joserfc.jwk import OKPKey
from sqlalchemy.orm import Session

from identity.ledger.domain.ledger import (
    MAX_BATCH_EVENTS,
    Header,
    event_content,
    leaf_hash,
    next_header,
    sign_head,
)
from identity.ledger.store import ledger as store
from identity.ledger.store.ledger import SealedBatch


def seal_next_batch(session: Session, key: OKPKey, limit: int = MAX_BATCH_EVENTS) -> Header | None:
    """Seal the next batch and return its header.

    None if no event waits, or another process is sealing.
    """
    if not store.try_lock(session):
        return None
    events = store.take_waiting(session, limit)
    if not events:
        return None
    leaves = [leaf_hash(event_content(event)) for event in events]
    previous, sealed_at = store.latest(session), store.database_time(session)
    header = next_header(
        previous.header if previous else None, str(uuid4()), leaves, sealed_at.isoformat()
    )
    batch = SealedBatch(header, sign_head(header, key), leaves)
    store.add(session, batch, [event.id for event in events], sealed_at)
    return header
