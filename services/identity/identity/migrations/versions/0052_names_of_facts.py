"""Facts are named `service.entity.participle`; those in the outbox get their new names."""

from alembic import op

from chassis.migrate import rename_facts

revision = "0052"
down_revision = "0051"

NAMES = {
    "policy.changed": "identity.policy.changed",
    "changesets.changed": "identity.changeset.changed",
    "access_reviews.waiting": "identity.access_review.requested",
    "access_reviews.signed_off": "identity.access_review.signed_off",
    "access_reviews.ended": "identity.access_review.closed",
    "identity.alert_raised": "identity.access_alert.raised",
    "identity.alert_resolved": "identity.access_alert.resolved",
    "identity.user_off_boarded": "identity.user.off_boarded",
    "identity.user_changed_job": "identity.user.transferred",
    "users.access_ending": "identity.access_end.announced",
    "delegations.given": "identity.delegation.granted",
    "emergency_access.taken": "identity.emergency_access.taken",
    "emergency_access.reviewed": "identity.emergency_access.reviewed",
    "emergency_access.objected": "identity.emergency_access.objected",
    "audit.recorded": "audit.event.recorded",
    "rights.used": "audit.right.used",
}


def upgrade() -> None:
    """Give the facts their new names."""
    rename_facts(op, NAMES)


def downgrade() -> None:
    """Give the facts their old names again."""
    rename_facts(op, {new: old for old, new in NAMES.items()})
