"""Counts of used rights, and access reviews."""

from alembic import op

revision = "0050"
down_revision = "0034"

_UP = (
    """
    CREATE TABLE right_use (
      user_id uuid NOT NULL,
      object text NOT NULL,
      action text NOT NULL,
      day date NOT NULL,
      uses bigint NOT NULL,
      PRIMARY KEY (user_id, object, action, day)
    )
    """,
    "CREATE INDEX right_use_by_day ON right_use (day)",
    """
    CREATE TABLE access_review (
      id uuid PRIMARY KEY DEFAULT uuidv7(),
      title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
      days integer NOT NULL CHECK (days BETWEEN 1 AND 366),
      due_at timestamptz NOT NULL,
      status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'closed', 'discarded')),
      created_by uuid,
      created_at timestamptz NOT NULL DEFAULT now(),
      closed_by uuid,
      closed_at timestamptz,
      changeset_id uuid REFERENCES changeset,
      report text,
      version integer NOT NULL DEFAULT 1
    )
    """,
    """
    CREATE TABLE access_review_item (
      id uuid PRIMARY KEY DEFAULT uuidv7(),
      review_id uuid NOT NULL REFERENCES access_review,
      user_id uuid NOT NULL REFERENCES user_account,
      kind text NOT NULL CHECK (kind IN ('role', 'directory_role', 'rule')),
      what text NOT NULL,
      rule_id uuid,
      granted integer NOT NULL,
      used integer NOT NULL,
      only_here integer NOT NULL,
      only_here_used integer NOT NULL,
      last_used date,
      reviewer_id uuid REFERENCES user_account CHECK (reviewer_id <> user_id),
      decision text CHECK (decision IN ('keep', 'revoke')),
      note text NOT NULL DEFAULT '',
      decided_by uuid CHECK (decided_by <> user_id),
      decided_at timestamptz,
      outcome text
    )
    """,
    "CREATE INDEX access_review_item_of_review ON access_review_item (review_id, id)",
    "CREATE INDEX access_review_item_of_reviewer ON access_review_item (reviewer_id, review_id, "
    "id)",
    """
    CREATE TABLE access_review_sign_off (
      review_id uuid NOT NULL REFERENCES access_review,
      reviewer_id uuid NOT NULL REFERENCES user_account,
      at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (review_id, reviewer_id)
    )
    """,
)


def upgrade() -> None:
    """Apply this migration."""
    for statement in _UP:
        op.execute(statement)


def downgrade() -> None:
    """Undo this migration."""
    for name in ("access_review_sign_off", "access_review_item", "access_review", "right_use"):
        op.execute(f"DROP TABLE {name}")
