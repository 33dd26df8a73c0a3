"""Access of users that ends by itself, and the reminders sent before."""

from alembic import op

revision = "0030"
down_revision = "0022"

_UP = (
    "ALTER TABLE user_account ADD COLUMN access_until timestamptz",
    "ALTER TABLE user_account ADD COLUMN access_ended_at timestamptz",
    "ALTER TABLE user_account DROP CONSTRAINT user_account_kind_check",
    "ALTER TABLE user_account ADD CONSTRAINT user_account_kind_check "
    "CHECK (kind IN ('person', 'service', 'external'))",
    # The access of external users always has an end.
    "ALTER TABLE user_account ADD CONSTRAINT user_account_external_ends "
    "CHECK (kind <> 'external' OR access_until IS NOT NULL)",
    "CREATE INDEX user_account_ends ON user_account (access_until) WHERE access_until IS NOT NULL",
    """
    CREATE TABLE access_reminder (
      user_id uuid NOT NULL REFERENCES user_account,
      access_until timestamptz NOT NULL,
      days integer NOT NULL,
      told_at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (user_id, access_until, days)
    )
    """,
)
_DOWN = (
    "DROP TABLE access_reminder",
    "ALTER TABLE user_account DROP CONSTRAINT user_account_external_ends",
    "ALTER TABLE user_account DROP CONSTRAINT user_account_kind_check",
    "UPDATE user_account SET kind = 'person', status = 'suspended' WHERE kind = 'external'",
    "ALTER TABLE user_account ADD CONSTRAINT user_account_kind_check "
    "CHECK (kind IN ('person', 'service'))",
    "ALTER TABLE user_account DROP COLUMN access_ended_at",
    "ALTER TABLE user_account DROP COLUMN access_until",
)


def upgrade() -> None:
    """Apply this migration."""
    for statement in _UP:
        op.execute(statement)


def downgrade() -> None:
    """Undo this migration."""
    for statement in _DOWN:
        op.execute(statement)
