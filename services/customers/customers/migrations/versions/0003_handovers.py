"""Handovers: customers of a user who leaves or changes their job go to others, batch by batch."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the tables of this revision."""
    op.execute(
        """
        CREATE TABLE handover (
          id uuid PRIMARY KEY,
          user_id uuid NOT NULL,
          actor_id uuid NOT NULL,
          plan jsonb NOT NULL,
          whole boolean NOT NULL,
          policy_version bigint NOT NULL,
          total integer NOT NULL,
          done integer NOT NULL DEFAULT 0,
          to_pool integer NOT NULL DEFAULT 0,
          tried_at timestamptz NOT NULL DEFAULT now(),
          created_at timestamptz NOT NULL DEFAULT now(),
          finished_at timestamptz
        )
        """
    )
    op.execute("CREATE INDEX handover_open ON handover (tried_at) WHERE finished_at IS NULL")
    op.execute("CREATE INDEX handover_user ON handover (user_id, created_at DESC)")


def downgrade() -> None:
    """Drop the tables of this revision."""
    op.execute("DROP TABLE handover")
