"""API keys of programs, and the sessions that they open."""

from alembic import op

revision = "0010"
down_revision = "0002_changesets"

_UP = (
    """
    CREATE TABLE api_client (
      id uuid PRIMARY KEY DEFAULT uuidv7(),
      user_id uuid NOT NULL REFERENCES user_account,
      name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
      digest bytea NOT NULL UNIQUE,
      hint text NOT NULL,
      doors text[] NOT NULL CHECK (doors <@ ARRAY['graphql', 'scim'] AND cardinality(doors) > 0),
      created_by uuid REFERENCES user_account,
      created_at timestamptz NOT NULL DEFAULT now(),
      expires_at timestamptz NOT NULL,
      used_at timestamptz,
      revoked_at timestamptz
    )
    """,
    "CREATE INDEX api_client_of_user ON api_client (user_id, created_at DESC, id DESC)",
    "ALTER TABLE session ADD COLUMN api_client_id uuid REFERENCES api_client",
    "CREATE INDEX session_of_api_client ON session (api_client_id) "
    "WHERE api_client_id IS NOT NULL AND ended_at IS NULL",
)


def upgrade() -> None:
    """Apply this migration."""
    for statement in _UP:
        op.execute(statement)


def downgrade() -> None:
    """Undo this migration."""
    op.execute("ALTER TABLE session DROP COLUMN api_client_id")
    op.execute("DROP TABLE api_client")
