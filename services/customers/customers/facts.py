"""What other services tell us: who has left, so that nothing of theirs can be fetched any more."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.stream import Handler, Received
from customers.commands.customer_export import revoke_all_of

LISTENS_TO = ("identity",)


def user_off_boarded(session: Session, fact: Received) -> None:
    """End the exports of somebody who left; twice is the same as once."""
    revoke_all_of(session, UUID(fact.body["user"]))


HANDLERS: Mapping[str, Handler] = {"identity.user_off_boarded": user_off_boarded}
