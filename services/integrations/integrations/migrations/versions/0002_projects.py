"""The projects of a customer, at which the row scope `project` looks."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Apply this revision."""
    op.execute("ALTER TABLE customer_access ADD COLUMN projects uuid[] NOT NULL DEFAULT '{}'")
    op.execute("CREATE INDEX customer_access_projects ON customer_access USING gin (projects)")


def downgrade() -> None:
    """Undo this revision."""
    op.execute("ALTER TABLE customer_access DROP COLUMN projects")
