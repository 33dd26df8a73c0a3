"""The ledger is numbered and sealed in batches; its seals are append-only, too."""

from alembic import op

revision = "0041"
down_revision = "0021"

_TABLES = ("audit_event", "audit_leaf", "audit_seal")
_UP = (
    # Written by the trigger below with every event, in its transaction: an event that is committed
    # late is sealed late, which no number or clock of an event could guarantee.
    """
    CREATE TABLE audit_waiting (
      position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      event_id uuid NOT NULL,
      at timestamptz NOT NULL DEFAULT now()
    )
    """,
    """
    CREATE TABLE audit_leaf (
      sequence bigint PRIMARY KEY,
      event_id uuid NOT NULL UNIQUE,
      batch bigint NOT NULL
    )
    """,
    """
    CREATE TABLE audit_seal (
      batch bigint PRIMARY KEY,
      first bigint NOT NULL,
      size integer NOT NULL CHECK (size > 0),
      header jsonb NOT NULL,
      signed text NOT NULL,
      leaves bytea NOT NULL CHECK (octet_length(leaves) = 32 * size),
      sealed_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX audit_seal_at ON audit_seal (sealed_at)",
    """
    CREATE FUNCTION await_seal() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      INSERT INTO audit_waiting (event_id) VALUES (NEW.id);
      RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER audit_event_waits AFTER INSERT ON audit_event
      FOR EACH ROW EXECUTE FUNCTION await_seal()
    """,
    "INSERT INTO audit_waiting (event_id) SELECT id FROM audit_event ORDER BY recorded_at, id",
)


def upgrade() -> None:
    """Apply this migration."""
    for statement in _UP:
        op.execute(statement)
    for table in ("audit_leaf", "audit_seal"):
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_rewrite()"
        )
    for table in _TABLES:
        # Also in a session of a replica role, which skips ordinary triggers.
        op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_append_only")
        # The service works as the owner, which revokes the rights that it never needs.
        op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM PUBLIC, CURRENT_USER")


def downgrade() -> None:
    """Undo this migration."""
    op.execute("GRANT UPDATE, DELETE, TRUNCATE ON audit_event TO CURRENT_USER")
    op.execute("ALTER TABLE audit_event ENABLE TRIGGER audit_event_append_only")
    op.execute("DROP TRIGGER audit_event_waits ON audit_event")
    op.execute("DROP FUNCTION await_seal")
    for table in ("audit_seal", "audit_leaf", "audit_waiting"):
        op.execute(f"DROP TABLE {table}")
