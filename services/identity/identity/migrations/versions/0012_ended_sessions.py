"""A notification for ended sessions, and an index to find them."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Apply this migration."""
    op.execute("CREATE INDEX session_ended ON session (ended_at) WHERE ended_at IS NOT NULL")
    op.execute(
        """
        CREATE FUNCTION tell_of_ended_sessions() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          PERFORM pg_notify('sessions', '');
          RETURN NULL;
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER session_ends AFTER UPDATE OF ended_at ON session
          FOR EACH STATEMENT EXECUTE FUNCTION tell_of_ended_sessions()
        """
    )


def downgrade() -> None:
    """Undo this migration."""
    op.execute("DROP TRIGGER session_ends ON session")
    op.execute("DROP FUNCTION tell_of_ended_sessions")
    op.execute("DROP INDEX session_ended")
