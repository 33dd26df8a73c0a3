"""Second factors: a sealed TOTP secret, and recovery codes."""

from alembic import op

revision = "0013"
down_revision = "0012"

_UP = (
    """
    CREATE TABLE second_factor (
      user_id uuid PRIMARY KEY REFERENCES user_account,
      sealed bytea NOT NULL,
      seal text NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now(),
      confirmed_at timestamptz,
      last_step bigint NOT NULL DEFAULT 0
    )
    """,
    """
    CREATE TABLE recovery_code (
      user_id uuid NOT NULL REFERENCES second_factor ON DELETE CASCADE,
      digest bytea NOT NULL,
      used_at timestamptz,
      PRIMARY KEY (user_id, digest)
    )
    """,
)


def upgrade() -> None:
    """Apply this migration."""
    for statement in _UP:
        op.execute(statement)


def downgrade() -> None:
    """Undo this migration."""
    op.execute("DROP TABLE recovery_code")
    op.execute("DROP TABLE second_factor")
