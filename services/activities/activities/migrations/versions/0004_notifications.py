"""Notifications, and which user has read which of them."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the tables."""
    op.execute(
        """
        CREATE TABLE notification (
          id uuid PRIMARY KEY,
          kind text NOT NULL,
          about uuid NOT NULL,
          subject_id uuid,
          department_id uuid,
          addressee_id uuid,
          details jsonb NOT NULL,
          occurred_at timestamptz NOT NULL,
          settled_at timestamptz,
          sent_at timestamptz,
          send_after timestamptz NOT NULL DEFAULT now(),
          tries integer NOT NULL DEFAULT 0
        )
        """
    )
    op.execute("CREATE INDEX notification_order ON notification (occurred_at DESC, id DESC)")
    op.execute(
        "CREATE INDEX notification_addressee "
        "ON notification (addressee_id, occurred_at DESC, id DESC) WHERE addressee_id IS NOT NULL"
    )
    op.execute(
        "CREATE INDEX notification_waiting ON notification (kind) "
        "WHERE addressee_id IS NULL AND settled_at IS NULL"
    )
    op.execute("CREATE INDEX notification_about ON notification (about) WHERE settled_at IS NULL")
    op.execute(
        "CREATE INDEX notification_unsent ON notification (send_after) "
        "WHERE sent_at IS NULL AND settled_at IS NULL AND addressee_id IS NULL"
    )
    op.execute(
        """
        CREATE TABLE notification_seen (
          user_id uuid,
          notification_id uuid REFERENCES notification ON DELETE CASCADE,
          at timestamptz NOT NULL DEFAULT now(),
          PRIMARY KEY (user_id, notification_id)
        )
        """
    )
    op.execute("CREATE INDEX notification_seen_of ON notification_seen (notification_id)")


def downgrade() -> None:
    """Undo the upgrade."""
    op.execute("DROP TABLE notification_seen")
    op.execute("DROP TABLE notification")
