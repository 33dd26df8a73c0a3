"""Projects and their members; the customers of a project are stored by the customers service."""

from alembic import op

revision = "0031"
down_revision = "0030"

_UP = (
    """
    CREATE TABLE project (
      id uuid PRIMARY KEY DEFAULT uuidv7(),
      name text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 100),
      description text NOT NULL DEFAULT '' CHECK (length(description) <= 500),
      lead_id uuid REFERENCES user_account,
      ends_at timestamptz,
      version integer NOT NULL DEFAULT 1,
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE INDEX project_lead ON project (lead_id)",
    """
    CREATE TABLE project_member (
      project_id uuid NOT NULL REFERENCES project,
      user_id uuid NOT NULL REFERENCES user_account,
      until timestamptz,
      added_at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (project_id, user_id)
    )
    """,
    "CREATE INDEX project_member_user ON project_member (user_id)",
)
_DOWN = ("DROP TABLE project_member", "DROP TABLE project")


def upgrade() -> None:
    """Apply this migration."""
    for statement in _UP:
        op.execute(statement)


def downgrade() -> None:
    """Undo this migration."""
    for statement in _DOWN:
        op.execute(statement)
