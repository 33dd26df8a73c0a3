"""Handovers of the open tasks of users who leave or change their job."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the tables."""
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
          tried_at timestamptz NOT NULL DEFAULT now(),
          created_at timestamptz NOT NULL DEFAULT now(),
          finished_at timestamptz
        )
        """
    )
    # The tasks at the beginning: the customers of these tasks get other owners meanwhile.
    op.execute(
        """
        CREATE TABLE handover_task (
          handover_id uuid NOT NULL REFERENCES handover,
          task_id uuid NOT NULL REFERENCES task,
          department_id uuid,
          PRIMARY KEY (handover_id, task_id)
        )
        """
    )
    op.execute("CREATE INDEX handover_open ON handover (tried_at) WHERE finished_at IS NULL")
    op.execute("CREATE INDEX handover_user ON handover (user_id, created_at DESC)")
    op.execute("CREATE INDEX task_open_of_assignee ON task (assignee_id, id) WHERE status = 'open'")


def downgrade() -> None:
    """Undo the upgrade."""
    op.execute("DROP INDEX task_open_of_assignee")
    op.execute("DROP TABLE handover_task")
    op.execute("DROP TABLE handover")
