"""Details of audit events: what was shown, and of which rows."""

from alembic import op

revision = "0040"
down_revision = "0013"

_UP = (
    "ALTER TABLE audit_event ADD COLUMN details jsonb NOT NULL DEFAULT '{}'",
    # Who saw this one? A read of fifty rows is one event with fifty ids.
    "CREATE INDEX audit_event_ids ON audit_event USING gin ((details -> 'ids') jsonb_path_ops)",
    "CREATE INDEX audit_event_action ON audit_event (action, at DESC, id DESC)",
    "CREATE INDEX audit_event_denied ON audit_event (at DESC, id DESC) WHERE decision <> 'allow'",
)


def upgrade() -> None:
    """Apply this migration."""
    for statement in _UP:
        op.execute(statement)


def downgrade() -> None:
    """Undo this migration."""
    op.execute("DROP INDEX audit_event_denied")
    op.execute("DROP INDEX audit_event_action")
    op.execute("ALTER TABLE audit_event DROP COLUMN details")
