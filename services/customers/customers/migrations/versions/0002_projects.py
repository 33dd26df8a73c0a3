"""The projects of a customer, at which the row scope `project` looks."""

from alembic import op

revision = "0002"
down_revision = "0010"


def upgrade() -> None:
    """Add the projects of customers."""
    op.execute("ALTER TABLE customer ADD COLUMN projects uuid[] NOT NULL DEFAULT '{}'")
    op.execute("CREATE INDEX customer_projects ON customer USING gin (projects)")


def downgrade() -> None:
    """Remove the projects of customers."""
    op.execute("ALTER TABLE customer DROP COLUMN projects")
