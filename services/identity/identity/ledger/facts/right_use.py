"""Count the uses of rights that every service reports."""

from __future__ import annotations

from sqlalchemy.orm import Session

from chassis.facts.stream import Received
from identity.ledger.store import right_use as store


def rights_used(session: Session, fact: Received) -> None:
    """Add the uses of a fact. The inbox makes sure that no fact counts twice."""
    store.add(session, fact.body["uses"])
