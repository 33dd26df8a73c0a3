"""Alerts about unusual access: alert rules, usual values of users, and alerts."""

from alembic import op

revision = "0042"
down_revision = "0023"

_UP = (
    """
    CREATE TABLE alert_rule (
      kind text PRIMARY KEY,
      enabled boolean NOT NULL DEFAULT true,
      threshold integer NOT NULL CHECK (threshold > 0),
      minutes integer NOT NULL CHECK (minutes BETWEEN 1 AND 1440),
      times double precision CHECK (times >= 1),
      ceiling integer CHECK (ceiling >= threshold),
      hours jsonb,
      version integer NOT NULL DEFAULT 1,
      updated_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    # Starts at the next event, so that a ledger of years is not scanned again.
    "CREATE TABLE alert_watch (sequence bigint NOT NULL)",
    "INSERT INTO alert_watch SELECT coalesce(max(sequence), 0) FROM audit_leaf",
    """
    CREATE TABLE alert_day (
      kind text NOT NULL,
      subject_id uuid NOT NULL,
      day date NOT NULL,
      most integer NOT NULL,
      PRIMARY KEY (kind, subject_id, day)
    )
    """,
    """
    CREATE TABLE access_alert (
      id uuid PRIMARY KEY DEFAULT uuidv7(),
      kind text NOT NULL,
      subject_id uuid NOT NULL,
      status text NOT NULL DEFAULT 'OPEN',
      measure integer NOT NULL,
      threshold integer NOT NULL,
      usual double precision,
      begins timestamptz NOT NULL,
      ends timestamptz NOT NULL,
      raised_at timestamptz NOT NULL DEFAULT now(),
      note text NOT NULL DEFAULT '',
      decided_by uuid,
      decided_at timestamptz,
      version integer NOT NULL DEFAULT 1
    )
    """,
    "CREATE INDEX access_alert_at ON access_alert (raised_at DESC, id DESC)",
    "CREATE INDEX access_alert_subject ON access_alert (subject_id, kind, ends DESC)",
    # One open alert for one user and rule; further events are added to it.
    """
    CREATE UNIQUE INDEX access_alert_standing ON access_alert (kind, subject_id)
      WHERE status <> 'RESOLVED'
    """,
    """
    INSERT INTO alert_rule (kind, threshold, minutes, times, ceiling, hours) VALUES
      ('BULK_READING', 100, 10, 3, 1000, NULL),
      ('ODD_HOURS', 20, 60, NULL, NULL,
       '{"begins": "07:00", "ends": "21:00", "weekdays": [1, 2, 3, 4, 5],
         "time_zone": "Asia/Shanghai", "holidays": [], "workdays": []}'),
      ('EXPORT_BURST', 5, 60, NULL, NULL, NULL),
      ('EXPORT_ROWS', 5000, 1440, 3, NULL, NULL),
      ('REFUSALS', 20, 10, NULL, NULL, NULL),
      ('REFUSED_SIGN_INS', 10, 15, NULL, NULL, NULL),
      ('SIGN_IN_ADDRESSES', 4, 60, NULL, NULL, NULL)
    """,
)


def upgrade() -> None:
    """Apply this migration."""
    for statement in _UP:
        op.execute(statement)


def downgrade() -> None:
    """Undo this migration."""
    for table in ("access_alert", "alert_day", "alert_watch", "alert_rule"):
        op.execute(f"DROP TABLE {table}")
