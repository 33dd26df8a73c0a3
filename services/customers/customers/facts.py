"""The facts of other services that customers listens to: users who left or moved."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.facts.stream import Handler, Received
from customers.exports.commands.decision import revoke_all_of
from customers.handover import commands as handover

LISTENS_TO = ("identity",)


def user_off_boarded(session: Session, fact: Received) -> None:
    """Revoke the exports of a user who left, and hand over all their customers."""
    revoke_all_of(session, UUID(fact.body["user"]))
    handover.begin(session, fact.body, whole=True)


def user_changed_job(session: Session, fact: Received) -> None:
    """Hand over the customers that the user owned in their old department."""
    handover.begin(session, fact.body, whole=False)


HANDLERS: Mapping[str, Handler] = {
    "identity.user.off_boarded": user_off_boarded,
    "identity.user.transferred": user_changed_job,
}
