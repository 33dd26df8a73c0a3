"""The projects of a customer, which the row scope `project` compares."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column."""
    op.execute("ALTER TABLE customer_access ADD COLUMN projects uuid[] NOT NULL DEFAULT '{}'")
    op.execute("CREATE INDEX customer_access_projects ON customer_access USING gin (projects)")


def downgrade() -> None:
    """Undo the upgrade."""
    op.execute("ALTER TABLE customer_access DROP COLUMN projects")
