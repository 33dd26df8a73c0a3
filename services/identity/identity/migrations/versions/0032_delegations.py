"""Delegations: a user does the work of another user for a while."""

from alembic import op

revision = "0032"
down_revision = "0031"

_UP = (
    """
    CREATE TABLE delegation (
      id uuid PRIMARY KEY DEFAULT uuidv7(),
      giver_id uuid NOT NULL REFERENCES user_account,
      taker_id uuid NOT NULL REFERENCES user_account CHECK (taker_id <> giver_id),
      since timestamptz NOT NULL,
      until timestamptz NOT NULL CHECK (until > since),
      roles text[],
      customers uuid[],
      note text NOT NULL DEFAULT '',
      created_by uuid NOT NULL REFERENCES user_account,
      created_at timestamptz NOT NULL DEFAULT now(),
      ended_by uuid REFERENCES user_account,
      ended_at timestamptz
    )
    """,
    "CREATE INDEX delegation_giver ON delegation (giver_id, since DESC, id DESC)",
    "CREATE INDEX delegation_taker ON delegation (taker_id, since DESC, id DESC)",
    "CREATE INDEX delegation_until ON delegation (until) WHERE ended_at IS NULL",
)
_DOWN = ("DROP TABLE delegation",)


def upgrade() -> None:
    """Apply this migration."""
    for statement in _UP:
        op.execute(statement)


def downgrade() -> None:
    """Undo this migration."""
    for statement in _DOWN:
        op.execute(statement)
