"""The table of idempotency keys gets the name of what it holds; it was called `answered`."""

from alembic import op

from chassis.migrate import rename_answered, restore_answered

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Rename the table, if it has the old name."""
    rename_answered(op)


def downgrade() -> None:
    """Undo the upgrade."""
    restore_answered(op)
