"""Facts about customers: which changed or were merged, and who may see them now."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.facts.outbox import record
from customers.core.domain import facts
from customers.pool.store import customer as store

BATCH = 500


def publish_changed(session: Session, ids: Iterable[UUID]) -> None:
    """Record that customers changed, with the access data by which other services guard their rows.

    One fact holds at most `BATCH` customers.
    """
    ordered = sorted(set(ids))
    for start in range(0, len(ordered), BATCH):
        batch = ordered[start : start + BATCH]
        body = {"access": store.access_rows(session, batch)}
        record(session, facts.CUSTOMER_CHANGED.about(batch[0], body))
