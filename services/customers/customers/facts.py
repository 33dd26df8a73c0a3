"""Handlers of identity's facts: hand over the customers of users who leave or change their job."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.facts.stream import Handler, Received
from customers.exports.commands.decision import revoke_all_of
from customers.handover import commands as handover

LISTENS_TO = ("identity",)


def user_off_boarded(session: Session, fact: Received) -> None:
    """Revoke the exports of a user who left and hand over all their customers. Idempotent."""
    revoke_all_of(session, UUID(fact.body["user"]))
    handover.begin(session, fact.body, whole=True)


def user_changed_job(session: Session, fact: Received) -> None:
    """Hand over the customers that a user owned in their former department. Idempotent."""
    handover.begin(session, fact.body, whole=False)


HANDLERS: Mapping[str, Handler] = {
    "identity.user.off_boarded": user_off_boarded,
    "identity.user.transferred": user_changed_job,
}
