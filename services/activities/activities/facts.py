"""The facts of other services that activities listens to: access, merges, handovers, notices.

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
    """Update who may see the customers of the fact, and which of them are merged."""
    project(session, [_access(row) for row in fact.body["access"]])


def user_off_boarded(session: Session, fact: Received) -> None:
    """Hand over all open tasks of a user who left."""
    handover.begin(session, fact.body, whole=True)


def user_changed_job(session: Session, fact: Received) -> None:
    """Hand over the user's open tasks for customers of their old department."""
    handover.begin(session, fact.body, whole=False)


def alert_raised(session: Session, fact: Received) -> None:
    """Notify those who decide access alerts."""
    details = {name: fact.body[name] for name in ("kind", "measure")}
    _notify_for_right(session, fact, Kind.ACCESS_ALERT, details)


def access_ending(session: Session, fact: Received) -> None:
    """Notify those who can extend the access of the user."""
    _notify_for_right(session, fact, Kind.ACCESS_ENDING, {"days": fact.body["days"]})


def changeset_changed(session: Session, fact: Received) -> None:
    """Notify those who may approve a submitted changeset, or its author of the decision."""
    action = fact.body["action"]
    if action == "submit":
        _notify_for_right(session, fact, Kind.CHANGESET_WAITING, {})
        return
    notification.settle(session, Kind.CHANGESET_WAITING, UUID(fact.subject))
    if action in ("approve", "return"):
        author, details = UUID(fact.body["user"]), {"approved": action == "approve"}
        notify(session, fact, Kind.CHANGESET_ANSWERED, subject=None, to=author, details=details)


def emergency_taken(session: Session, fact: Received) -> None:
    """Notify those who review emergency access."""
    _notify_for_right(session, fact, Kind.EMERGENCY_ACCESS, {})


def delegation_given(session: Session, fact: Received) -> None:
    """Notify the user who stands in for a colleague."""
    giver, taker = UUID(fact.body["giver"]), UUID(fact.body["taker"])
    notify(session, fact, Kind.DELEGATION, subject=giver, to=taker)


def export_changed(session: Session, fact: Received) -> None:
    """Notify those who may approve an export, or its requester of the decision."""
    status = fact.body["status"]
    if status == "AWAITING_APPROVAL":
        details = {name: fact.body[name] for name in ("rows", "sensitive")}
        _notify_for_right(session, fact, Kind.EXPORT_WAITING, details)
        return
    notification.settle(session, Kind.EXPORT_WAITING, UUID(fact.subject))
    requester, actor = UUID(fact.body["user"]), _uuid(fact.body["by"])
    if status in ANSWERS and actor != requester:
        notify(
            session,
            fact,
            Kind.EXPORT_ANSWERED,
            subject=actor,
            to=requester,
            details={"status": status},
        )


def review_waiting(session: Session, fact: Received) -> None:
    """Notify the reviewer of an access review."""
    notify(session, fact, Kind.ACCESS_REVIEW, subject=None, to=UUID(fact.body["reviewer"]))


def review_signed_off(session: Session, fact: Received) -> None:
    """Settle the notification of the reviewer who signed off."""
    reviewer = UUID(fact.body["reviewer"])
    notification.settle(session, Kind.ACCESS_REVIEW, UUID(fact.subject), reviewer)


def settles(kind: Kind) -> Handler:
    """Make a handler that settles the notifications of one kind about the subject of a fact."""

    def settled(session: Session, fact: Received) -> None:
        """Settle the open notifications about it."""
        notification.settle(session, kind, UUID(fact.subject))

    return settled


HANDLERS: Mapping[str, Handler] = {
    "customers.customer.changed": customers_changed,
    # A merge and its undoing arrive as the present `merged_into` of all customers involved.
    "customers.customer.merged": customers_changed,
    "customers.customer.unmerged": customers_changed,
    "identity.user.off_boarded": user_off_boarded,
    "identity.user.transferred": user_changed_job,
    "identity.access_alert.raised": alert_raised,
    "identity.access_alert.resolved": settles(Kind.ACCESS_ALERT),
    "identity.access_review.requested": review_waiting,
    "identity.access_review.signed_off": review_signed_off,
    "identity.access_review.closed": settles(Kind.ACCESS_REVIEW),
    "identity.access_end.announced": access_ending,
    "identity.changeset.changed": changeset_changed,
    "identity.emergency_access.taken": emergency_taken,
    "identity.emergency_access.reviewed": settles(Kind.EMERGENCY_ACCESS),
    "identity.delegation.granted": delegation_given,
    "customers.export.changed": export_changed,
}


def _notify_for_right(
    session: Session, fact: Received, kind: Kind, details: Mapping[str, Any]
) -> None:
    """Notify all who may act on it and see the user that it concerns."""
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
