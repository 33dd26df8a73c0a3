"""Passkeys; recovery codes belong to the user, whichever second factor they have."""

from alembic import op

revision = "0021"
down_revision = "0020"

_UP = (
    """
    CREATE TABLE passkey (
      id uuid PRIMARY KEY DEFAULT uuidv7(),
      user_id uuid NOT NULL REFERENCES user_account,
      credential_id bytea NOT NULL UNIQUE,
      public_key bytea NOT NULL,
      sign_count bigint NOT NULL,
      name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
      transports text[] NOT NULL DEFAULT '{}',
      backed_up boolean NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now(),
      used_at timestamptz
    )
    """,
    "CREATE INDEX passkey_of_user ON passkey (user_id, id)",
    """
    CREATE TABLE passkey_challenge (
      challenge bytea PRIMARY KEY,
      user_id uuid NOT NULL REFERENCES user_account,
      purpose text NOT NULL CHECK (purpose IN ('register', 'register_first', 'sign_in')),
      expires_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX passkey_challenge_of_user ON passkey_challenge (user_id)",
    "ALTER TABLE recovery_code DROP CONSTRAINT recovery_code_user_id_fkey",
    """
    ALTER TABLE recovery_code ADD CONSTRAINT recovery_code_user_id_fkey
      FOREIGN KEY (user_id) REFERENCES user_account
    """,
)


def upgrade() -> None:
    """Apply this migration."""
    for statement in _UP:
        op.execute(statement)


def downgrade() -> None:
    """Undo this migration."""
    op.execute("DELETE FROM recovery_code WHERE user_id NOT IN (SELECT user_id FROM second_factor)")
    op.execute("ALTER TABLE recovery_code DROP CONSTRAINT recovery_code_user_id_fkey")
    op.execute(
        """
        ALTER TABLE recovery_code ADD CONSTRAINT recovery_code_user_id_fkey
          FOREIGN KEY (user_id) REFERENCES second_factor ON DELETE CASCADE
        """
    )
    op.execute("DROP TABLE passkey_challenge")
    op.execute("DROP TABLE passkey")
