"""What other services tell us: who left or changed their job, so that nothing of theirs can be fetched
any more and their customers go to others."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.facts.stream import Handler, Received
from customers.exports.commands.customer_export import revoke_all_of
from customers.handover import commands as handover

LISTENS_TO = ("identity",)


def user_off_boarded(session: Session, fact: Received) -> None:
    """End the exports of somebody who left and hand over all they owned; twice is as once."""
    revoke_all_of(session, UUID(fact.body["user"]))
    handover.begin(session, fact.body, whole=True)


def user_changed_job(session: Session, fact: Received) -> None:
    """What they owned in their old department is handed over."""
    handover.begin(session, fact.body, whole=False)


HANDLERS: Mapping[str, Handler] = {
    "identity.user_off_boarded": user_off_boarded,
    "identity.user_changed_job": user_changed_job,
}
