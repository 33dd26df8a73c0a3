"""Facts are named `service.entity.participle`; those in the outbox get their new names."""

from alembic import op

from chassis.migrate import rename_facts

revision = "0006"
down_revision = "0005"

NAMES = {
    "tasks.created": "activities.task.created",
    "tasks.completed": "activities.task.completed",
    "tasks.cancelled": "activities.task.cancelled",
    "tasks.reopened": "activities.task.reopened",
    "tasks.reassigned": "activities.task.reassigned",
    "tasks.rescheduled": "activities.task.rescheduled",
    "tasks.due": "activities.task.fell_due",
    "follow_ups.logged": "activities.follow_up.logged",
    "follow_ups.edited": "activities.follow_up.edited",
    "audit.recorded": "audit.event.recorded",
    "rights.used": "audit.right.used",
}


def upgrade() -> None:
    """Give the facts their new names."""
    rename_facts(op, NAMES)


def downgrade() -> None:
    """Give the facts their old names again."""
    rename_facts(op, {new: old for old, new in NAMES.items()})
