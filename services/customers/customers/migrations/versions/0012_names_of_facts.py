"""Facts are named `service.entity.participle`; those in the outbox get their new names."""

from alembic import op

from chassis.migrate import rename_facts

revision = "0012"
down_revision = "0011"

NAMES = {
    "customers.changed": "customers.customer.changed",
    "customers.merged": "customers.customer.merged",
    "customers.unmerged": "customers.customer.unmerged",
    "customers.export_changed": "customers.export.changed",
    "audit.recorded": "audit.event.recorded",
    "rights.used": "audit.right.used",
}


def upgrade() -> None:
    """Give the facts their new names."""
    rename_facts(op, NAMES)


def downgrade() -> None:
    """Give the facts their old names again."""
    rename_facts(op, {new: old for old, new in NAMES.items()})
