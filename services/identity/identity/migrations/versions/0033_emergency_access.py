"""Emergency access: taken with a reason, for a short time, and reviewed by another user."""

from alembic import op

revision = "0033"
down_revision = "0032"

_UP = (
    """
    CREATE TABLE emergency_access (
      id uuid PRIMARY KEY DEFAULT uuidv7(),
      user_id uuid NOT NULL REFERENCES user_account,
      customer_id uuid NOT NULL,
      reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
      taken_at timestamptz NOT NULL DEFAULT now(),
      until timestamptz NOT NULL,
      ended_at timestamptz,
      ended_by uuid REFERENCES user_account,
      verdict text CHECK (verdict IN ('justified', 'objected')),
      note text NOT NULL DEFAULT '',
      reviewed_by uuid REFERENCES user_account CHECK (reviewed_by <> user_id),
      reviewed_at timestamptz,
      CHECK ((verdict IS NULL) = (reviewed_by IS NULL)
        AND (verdict IS NULL) = (reviewed_at IS NULL))
    )
    """,
    "CREATE INDEX emergency_access_at ON emergency_access (taken_at DESC, id DESC)",
    "CREATE INDEX emergency_access_user ON emergency_access (user_id, taken_at DESC, id DESC)",
    "CREATE INDEX emergency_access_open ON emergency_access (taken_at DESC, id DESC) "
    "WHERE verdict IS NULL",
    "CREATE INDEX emergency_access_until ON emergency_access (until) WHERE ended_at IS NULL",
)
_DOWN = ("DROP TABLE emergency_access",)


def upgrade() -> None:
    """Apply this migration."""
    for statement in _UP:
        op.execute(statement)


def downgrade() -> None:
    """Undo this migration."""
    for statement in _DOWN:
        op.execute(statement)
