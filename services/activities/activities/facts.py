"""What other services notify us: who may see which customer, which customers are one, who left, and what
somebody here has to be notified of.

Handlers may see a fact again and facts may overtake each other; the version in each row decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from activities.core.domain.ids import CustomerId
from activities.customers.commands import project
from activities.customers.store import Access
from activities.handover import commands as handover
from activities.notifications import store as notification
from activities.notifications.commands import notify
from activities.notifications.domain.notification import ANSWERS, Kind
from chassis.facts.stream import Handler, Received

LISTENS_TO = ("customers", "identity")


def customers_changed(session: Session, fact: Received) -> None:
    """Take over who may see the customers a fact speaks of."""
    project(session, [_access(row) for row in fact.body["access"]])


def user_off_boarded(session: Session, fact: Received) -> None:
    """All open tasks of somebody who left are handed over; twice is the same as once."""
    handover.begin(session, fact.body, whole=True)


def user_changed_job(session: Session, fact: Received) -> None:
    """Their open tasks for customers of their old department are handed over."""
    handover.begin(session, fact.body, whole=False)


def alert_raised(session: Session, fact: Received) -> None:
    """Somebody's access is unusual: whoever decides alerts is told."""
    details = {name: fact.body[name] for name in ("kind", "measure")}
    _tell(session, fact, Kind.ACCESS_ALERT, details)


def access_ending(session: Session, fact: Received) -> None:
    """Somebody's access ends soon: whoever can extend it is told."""
    _tell(session, fact, Kind.ACCESS_ENDING, {"days": fact.body["days"]})


def changeset_changed(session: Session, fact: Received) -> None:
    """A changeset waits for a second person, or its author has their answer."""
    action = fact.body["action"]
    if action == "submit":
        _tell(session, fact, Kind.CHANGESET_WAITING, {})
        return
    notification.settle(session, Kind.CHANGESET_WAITING, UUID(fact.subject))
    if action in ("approve", "return"):
        author, details = UUID(fact.body["user"]), {"approved": action == "approve"}
        notify(session, fact, Kind.CHANGESET_ANSWERED, subject=None, to=author, details=details)


def emergency_taken(session: Session, fact: Received) -> None:
    """Somebody took emergency access: whoever reviews it is told."""
    _tell(session, fact, Kind.EMERGENCY_ACCESS, {})


def delegation_given(session: Session, fact: Received) -> None:
    """Somebody stands in for a colleague, and is told."""
    giver, taker = UUID(fact.body["giver"]), UUID(fact.body["taker"])
    notify(session, fact, Kind.DELEGATION, subject=giver, to=taker)


def export_changed(session: Session, fact: Received) -> None:
    """An export waits for whoever approves it, or its requester has their answer."""
    status = fact.body["status"]
    if status == "AWAITING_APPROVAL":
        details = {name: fact.body[name] for name in ("rows", "sensitive")}
        _tell(session, fact, Kind.EXPORT_WAITING, details)
        return
    notification.settle(session, Kind.EXPORT_WAITING, UUID(fact.subject))
    whose, by = UUID(fact.body["user"]), _uuid(fact.body["by"])
    if status in ANSWERS and by != whose:
        notify(
            session, fact, Kind.EXPORT_ANSWERED, subject=by, to=whose, details={"status": status}
        )


def review_waiting(session: Session, fact: Received) -> None:
    """Somebody has rights of others to decide about."""
    notify(session, fact, Kind.ACCESS_REVIEW, subject=None, to=UUID(fact.body["reviewer"]))


def review_signed_off(session: Session, fact: Received) -> None:
    """They have decided; the others have not yet."""
    reviewer = UUID(fact.body["reviewer"])
    notification.settle(session, Kind.ACCESS_REVIEW, UUID(fact.subject), reviewer)


def settles(kind: Kind) -> Handler:
    """Somebody has seen to it: nobody else need look."""

    def settled(session: Session, fact: Received) -> None:
        notification.settle(session, kind, UUID(fact.subject))

    return settled


HANDLERS: Mapping[str, Handler] = {
    "customers.changed": customers_changed,
    # A merge and its taking back arrive as the present `merged_into` of everybody involved.
    "customers.merged": customers_changed,
    "customers.unmerged": customers_changed,
    "identity.user_off_boarded": user_off_boarded,
    "identity.user_changed_job": user_changed_job,
    "identity.alert_raised": alert_raised,
    "identity.alert_resolved": settles(Kind.ACCESS_ALERT),
    "access_reviews.waiting": review_waiting,
    "access_reviews.signed_off": review_signed_off,
    "access_reviews.ended": settles(Kind.ACCESS_REVIEW),
    "users.access_ending": access_ending,
    "changesets.changed": changeset_changed,
    "emergency_access.taken": emergency_taken,
    "emergency_access.reviewed": settles(Kind.EMERGENCY_ACCESS),
    "delegations.given": delegation_given,
    "customers.export_changed": export_changed,
}


def _tell(session: Session, fact: Received, kind: Kind, details: Mapping[str, Any]) -> None:
    """Tell whoever may do something about it, wherever they see the user it concerns."""
    notify(
        session,
        fact,
        kind,
        subject=UUID(fact.body["user"]),
        department=_uuid(fact.body.get("department")),
        details=details,
    )


def _access(row: Mapping[str, Any]) -> Access:
    merged_into = _uuid(row.get("merged_into"))
    return Access(
        id=CustomerId(UUID(row["id"])),
        owner=_uuid(row.get("owner")),
        department=_uuid(row.get("department")),
        collaborators=tuple(UUID(id) for id in row.get("collaborators") or ()),
        projects=tuple(UUID(id) for id in row.get("projects") or ()),
        merged_into=CustomerId(merged_into) if merged_into else None,
        version=int(row["version"]),
    )


def _uuid(text: str | None) -> UUID | None:
    return UUID(text) if text else None
