"""Every fact that identity records, registered once."""

from __future__ import annotations

from chassis.facts.types import FactType

POLICY_CHANGED = FactType(
    "identity.policy.changed",
    "The policy has a new version.",
    unheard="Processes follow the published snapshot; the fact puts the version into the stream, "
    "in order with the facts that were decided under it.",
)
CHANGESET_CHANGED = FactType(
    "identity.changeset.changed", "A changeset was submitted, approved, returned or withdrawn."
)
USER_OFF_BOARDED = FactType(
    "identity.user.off_boarded", "A user left the company; carries the plan of the handover."
)
USER_TRANSFERRED = FactType(
    "identity.user.transferred",
    "A user moved to another department; carries the plan of the handover.",
)
ACCESS_END_ANNOUNCED = FactType(
    "identity.access_end.announced", "The access of a user ends within some days."
)
DELEGATION_GRANTED = FactType(
    "identity.delegation.granted", "A user delegated their access to a colleague."
)
EMERGENCY_ACCESS_TAKEN = FactType(
    "identity.emergency_access.taken", "A user took emergency access to customers."
)
EMERGENCY_ACCESS_REVIEWED = FactType(
    "identity.emergency_access.reviewed", "An emergency access was reviewed."
)
EMERGENCY_ACCESS_OBJECTED = FactType(
    "identity.emergency_access.objected",
    "The reviewer of an emergency access objected to it.",
    unheard="The alert that follows from the audit event notifies; the fact is for security "
    "systems that read the stream.",
)
ACCESS_ALERT_RAISED = FactType(
    "identity.access_alert.raised", "The access of a user is unusual by an alert rule."
)
ACCESS_ALERT_RESOLVED = FactType("identity.access_alert.resolved", "An access alert was decided.")
ACCESS_REVIEW_REQUESTED = FactType(
    "identity.access_review.requested", "A reviewer has rights of others to decide about."
)
ACCESS_REVIEW_SIGNED_OFF = FactType(
    "identity.access_review.signed_off", "A reviewer decided their part of an access review."
)
ACCESS_REVIEW_CLOSED = FactType(
    "identity.access_review.closed", "An access review was closed or cancelled."
)
FACTS = (
    POLICY_CHANGED,
    CHANGESET_CHANGED,
    USER_OFF_BOARDED,
    USER_TRANSFERRED,
    ACCESS_END_ANNOUNCED,
    DELEGATION_GRANTED,
    EMERGENCY_ACCESS_TAKEN,
    EMERGENCY_ACCESS_REVIEWED,
    EMERGENCY_ACCESS_OBJECTED,
    ACCESS_ALERT_RAISED,
    ACCESS_ALERT_RESOLVED,
    ACCESS_REVIEW_REQUESTED,
    ACCESS_REVIEW_SIGNED_OFF,
    ACCESS_REVIEW_CLOSED,
)
