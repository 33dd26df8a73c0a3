"""People, departments, roles, rules, sessions, signing keys and the audit ledger."""

from alembic import op

from chassis.migrate import chassis_tables, drop_chassis_tables

revision = "0001"
down_revision = None

_UP = (
    """
    CREATE TABLE department (
      id uuid PRIMARY KEY DEFAULT uuidv7(),
      name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
      parent_id uuid REFERENCES department CHECK (parent_id <> id),
      version integer NOT NULL DEFAULT 1,
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE UNIQUE INDEX department_name ON department (parent_id, name) NULLS NOT DISTINCT",
    "CREATE INDEX department_by_name ON department (name, id)",
    # The closure of the tree: every department with each one above it and with itself (depth 0).
    """
    CREATE TABLE department_path (
      ancestor_id uuid NOT NULL REFERENCES department,
      descendant_id uuid NOT NULL REFERENCES department,
      depth integer NOT NULL CHECK (depth >= 0),
      PRIMARY KEY (ancestor_id, descendant_id)
    )
    """,
    "CREATE INDEX department_path_up ON department_path (descendant_id, depth)",
    """
    CREATE TABLE role (
      id uuid PRIMARY KEY DEFAULT uuidv7(),
      name text NOT NULL UNIQUE CHECK (name ~ '^[a-z][a-z0-9_]{1,49}$'),
      description text NOT NULL DEFAULT '' CHECK (length(description) <= 500),
      version integer NOT NULL DEFAULT 1,
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    """
    CREATE TABLE role_inherits (
      role_id uuid NOT NULL REFERENCES role,
      inherits_id uuid NOT NULL REFERENCES role CHECK (inherits_id <> role_id),
      PRIMARY KEY (role_id, inherits_id)
    )
    """,
    """
    CREATE TABLE user_account (
      id uuid PRIMARY KEY DEFAULT uuidv7(),
      username text NOT NULL UNIQUE CHECK (username ~ '^[a-z0-9][a-z0-9._@-]{1,63}$'),
      display_name text NOT NULL CHECK (length(display_name) BETWEEN 1 AND 100),
      kind text NOT NULL DEFAULT 'person' CHECK (kind IN ('person', 'service')),
      status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
      department_id uuid REFERENCES department,
      password_hash text,
      version integer NOT NULL DEFAULT 1,
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE INDEX user_account_by_name ON user_account (display_name, id)",
    "CREATE INDEX user_account_department ON user_account (department_id)",
    """
    CREATE TABLE user_role (
      user_id uuid NOT NULL REFERENCES user_account,
      role_id uuid NOT NULL REFERENCES role,
      PRIMARY KEY (user_id, role_id)
    )
    """,
    "CREATE INDEX user_role_of_role ON user_role (role_id)",
    # One row: a transaction that changes anything the policy depends on locks it until it commits.
    """
    CREATE TABLE policy (
      single boolean PRIMARY KEY DEFAULT true CHECK (single),
      version bigint NOT NULL,
      changed_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    "INSERT INTO policy (version) VALUES (1)",
    """
    CREATE TABLE rule (
      id uuid PRIMARY KEY DEFAULT uuidv7(),
      subject text NOT NULL,
      object text NOT NULL,
      action text NOT NULL,
      rows text NOT NULL,
      redaction text NOT NULL,
      effect text NOT NULL CHECK (effect IN ('allow', 'deny')),
      created_at timestamptz NOT NULL DEFAULT now(),
      CONSTRAINT rule_once UNIQUE (subject, object, action, rows, redaction, effect)
    )
    """,
    """
    CREATE TABLE session (
      id uuid PRIMARY KEY DEFAULT uuidv7(),
      user_id uuid NOT NULL REFERENCES user_account,
      address text NOT NULL DEFAULT '',
      created_at timestamptz NOT NULL DEFAULT now(),
      used_at timestamptz NOT NULL DEFAULT now(),
      expires_at timestamptz NOT NULL,
      ended_at timestamptz,
      ending text,
      CHECK ((ended_at IS NULL) = (ending IS NULL))
    )
    """,
    "CREATE INDEX session_of_user ON session (user_id, created_at DESC, id DESC)",
    "CREATE INDEX session_expired ON session (expires_at)",
    """
    CREATE TABLE refresh_token (
      digest bytea PRIMARY KEY,
      session_id uuid NOT NULL REFERENCES session ON DELETE CASCADE,
      issued_at timestamptz NOT NULL DEFAULT now(),
      expires_at timestamptz NOT NULL,
      used_at timestamptz
    )
    """,
    "CREATE INDEX refresh_token_of_session ON refresh_token (session_id)",
    """
    CREATE TABLE signing_key (
      id text PRIMARY KEY,
      public_key jsonb NOT NULL,
      sealed_key bytea NOT NULL,
      seal text NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now(),
      signs_from timestamptz NOT NULL,
      published_until timestamptz
    )
    """,
    """
    CREATE TABLE audit_event (
      id uuid PRIMARY KEY,
      at timestamptz NOT NULL,
      service text NOT NULL,
      actor_id uuid,
      session_id uuid,
      action text NOT NULL,
      object text NOT NULL,
      resource text NOT NULL,
      changes jsonb NOT NULL,
      purpose text,
      decision text NOT NULL,
      policy_version bigint,
      trace_id text,
      recorded_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE INDEX audit_event_at ON audit_event (at DESC, id DESC)",
    "CREATE INDEX audit_event_actor ON audit_event (actor_id, at DESC, id DESC)",
    "CREATE INDEX audit_event_resource ON audit_event (resource, at DESC, id DESC)",
    "CREATE INDEX audit_event_trace ON audit_event (trace_id) WHERE trace_id IS NOT NULL",
    """
    CREATE FUNCTION refuse_to_rewrite() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      RAISE EXCEPTION 'the audit ledger is append-only' USING ERRCODE = 'insufficient_privilege';
    END $$
    """,
    """
    CREATE TRIGGER audit_event_append_only
      BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_event
      FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_rewrite()
    """,
)

_TABLES = (
    "audit_event",
    "signing_key",
    "refresh_token",
    "session",
    "rule",
    "policy",
    "user_role",
    "user_account",
    "role_inherits",
    "role",
    "department_path",
    "department",
)


def upgrade() -> None:
    """Apply this migration."""
    for statement in _UP:
        op.execute(statement)
    chassis_tables(op)


def downgrade() -> None:
    """Undo this migration."""
    drop_chassis_tables(op)
    for table in _TABLES:
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP FUNCTION refuse_to_rewrite")
