"""Every service tells which rights were used; identity, which gives them, keeps count."""

from __future__ import annotations

from sqlalchemy.orm import Session

from chassis.facts.stream import Received
from identity.ledger.store import right_use as store


def rights_used(session: Session, fact: Received) -> None:
    """Count on. The inbox sees to it that no fact counts twice."""
    store.add(session, fact.body["uses"])
