"""What a directory provides about users by SCIM, and the groups it manages."""

from alembic import op

revision = "0011"
down_revision = "0010"

_UP = (
    """
    CREATE TABLE directory_user (
      user_id uuid PRIMARY KEY REFERENCES user_account,
      external_id text CHECK (length(external_id) <= 500),
      sealed bytea,
      seal text,
      deleted_at timestamptz,
      CHECK ((sealed IS NULL) = (seal IS NULL)),
      CHECK (deleted_at IS NULL OR (sealed IS NULL AND external_id IS NULL))
    )
    """,
    "CREATE INDEX directory_user_external ON directory_user (external_id) "
    "WHERE external_id IS NOT NULL",
    """
    CREATE TABLE directory_group (
      id uuid PRIMARY KEY DEFAULT uuidv7(),
      display_name text NOT NULL CHECK (length(display_name) BETWEEN 1 AND 200),
      external_id text CHECK (length(external_id) <= 500),
      version integer NOT NULL DEFAULT 1,
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE UNIQUE INDEX directory_group_name ON directory_group (lower(display_name))",
    """
    CREATE TABLE directory_member (
      group_id uuid NOT NULL REFERENCES directory_group ON DELETE CASCADE,
      user_id uuid NOT NULL REFERENCES user_account,
      display text CHECK (length(display) <= 200),
      PRIMARY KEY (group_id, user_id)
    )
    """,
    "CREATE INDEX directory_member_of_user ON directory_member (user_id)",
    """
    CREATE TABLE directory_group_role (
      group_id uuid NOT NULL REFERENCES directory_group ON DELETE CASCADE,
      role_id uuid NOT NULL REFERENCES role,
      PRIMARY KEY (group_id, role_id)
    )
    """,
)


def upgrade() -> None:
    """Apply this migration."""
    for statement in _UP:
        op.execute(statement)


def downgrade() -> None:
    """Undo this migration."""
    for table in ("directory_group_role", "directory_member", "directory_group", "directory_user"):
        op.execute(f"DROP TABLE {table}")
