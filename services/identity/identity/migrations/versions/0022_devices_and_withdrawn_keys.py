"""The device of a session, and signing keys that were withdrawn with all their sessions."""

from alembic import op

revision = "0022"
down_revision = "0041"


def upgrade() -> None:
    """Apply this migration."""
    op.execute("ALTER TABLE session ADD COLUMN device text NOT NULL DEFAULT ''")
    op.execute("ALTER TABLE signing_key ADD COLUMN withdrawn_at timestamptz")


def downgrade() -> None:
    """Undo this migration."""
    op.execute("ALTER TABLE signing_key DROP COLUMN withdrawn_at")
    op.execute("ALTER TABLE session DROP COLUMN device")
