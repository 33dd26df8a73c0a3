"""Heads of departments, and records of users who left or changed their job."""

from alembic import op

revision = "0034"
down_revision = "0033"

_UP = (
    "ALTER TABLE department ADD COLUMN head_id uuid REFERENCES user_account",
    "CREATE INDEX department_head ON department (head_id) WHERE head_id IS NOT NULL",
    """
    CREATE TABLE off_boarding (
      id uuid PRIMARY KEY DEFAULT uuidv7(),
      user_id uuid NOT NULL REFERENCES user_account,
      kind text NOT NULL CHECK (kind IN ('leaves', 'changes_job')),
      plan jsonb NOT NULL,
      ended jsonb NOT NULL,
      actor_id uuid NOT NULL REFERENCES user_account,
      at timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE INDEX off_boarding_user ON off_boarding (user_id, at DESC, id DESC)",
    "ALTER TABLE user_account ADD COLUMN left_at timestamptz",
)
_DOWN = (
    "ALTER TABLE user_account DROP COLUMN left_at",
    "DROP TABLE off_boarding",
    "ALTER TABLE department DROP COLUMN head_id",
)


def upgrade() -> None:
    """Apply this migration."""
    for statement in _UP:
        op.execute(statement)


def downgrade() -> None:
    """Undo this migration."""
    for statement in _DOWN:
        op.execute(statement)
