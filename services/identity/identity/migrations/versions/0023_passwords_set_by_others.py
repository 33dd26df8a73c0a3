"""Passwords set by another user must be changed at the first sign-in; password reset codes."""

from alembic import op

revision = "0023"
down_revision = "0050"


def upgrade() -> None:
    """Apply this migration."""
    op.execute(
        "ALTER TABLE user_account ADD COLUMN must_change_password boolean NOT NULL DEFAULT false"
    )
    op.execute(
        """
        CREATE TABLE password_reset (
          user_id uuid PRIMARY KEY REFERENCES user_account,
          digest bytea NOT NULL,
          expires_at timestamptz NOT NULL
        )
        """
    )


def downgrade() -> None:
    """Undo this migration."""
    op.execute("DROP TABLE password_reset")
    op.execute("ALTER TABLE user_account DROP COLUMN must_change_password")
