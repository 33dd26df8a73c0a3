"""Installations, sync runs, source records, dead letters, and who may see which customer."""

from alembic import op

from chassis.migrate import chassis_tables, drop_chassis_tables

revision = "0001"
down_revision = None

_UP = (
    """
    CREATE TABLE customer_access (
      customer_id uuid NOT NULL,
      owner_id uuid,
      department_id uuid,
      collaborators uuid[] DEFAULT '{}' NOT NULL,
      merged_into uuid,
      version bigint NOT NULL,
      PRIMARY KEY (customer_id)
    )
    """,
    "CREATE INDEX customer_access_department ON customer_access (department_id)",
    """
    CREATE TABLE installation (
      id uuid DEFAULT uuidv7() NOT NULL,
      connector text NOT NULL,
      system text NOT NULL,
      name text NOT NULL,
      configuration jsonb NOT NULL,
      credentials bytea,
      credential_names text[] DEFAULT '{}' NOT NULL,
      credentials_changed_at timestamptz,
      revision integer DEFAULT 1 NOT NULL,
      state text DEFAULT 'ACTIVE' NOT NULL,
      priority integer DEFAULT 100 NOT NULL,
      interval_seconds integer,
      next_due_at timestamptz,
      created_by uuid NOT NULL,
      created_at timestamptz DEFAULT now() NOT NULL,
      updated_at timestamptz DEFAULT now() NOT NULL,
      PRIMARY KEY (id),
      CHECK (state IN ('ACTIVE', 'PAUSED'))
    )
    """,
    "CREATE INDEX installation_due ON installation (next_due_at) WHERE state = 'ACTIVE'",
    "CREATE UNIQUE INDEX installation_name ON installation (lower(name))",
    """
    CREATE TABLE dead_letter (
      id uuid DEFAULT uuidv7() NOT NULL,
      installation_id uuid NOT NULL,
      stream text NOT NULL,
      record_key text NOT NULL,
      external_id text,
      source_record_id uuid,
      customer_id uuid,
      run_id uuid NOT NULL,
      replay_run_id uuid,
      stage text NOT NULL,
      code text NOT NULL,
      message_en text NOT NULL,
      message_zh text NOT NULL,
      payload bytea NOT NULL,
      attempts integer DEFAULT 1 NOT NULL,
      state text DEFAULT 'OPEN' NOT NULL,
      first_at timestamptz DEFAULT now() NOT NULL,
      last_at timestamptz DEFAULT now() NOT NULL,
      resolved_at timestamptz,
      trace_id text,
      PRIMARY KEY (id),
      CHECK (state IN ('OPEN', 'RESOLVED')),
      CHECK (stage IN ('MAP', 'DELIVER')),
      FOREIGN KEY(installation_id) REFERENCES installation (id)
    )
    """,
    "CREATE INDEX dead_letter_customer ON dead_letter (customer_id) WHERE state = 'OPEN'",
    """
    CREATE UNIQUE INDEX dead_letter_open ON dead_letter (installation_id, stream, record_key)
      WHERE state = 'OPEN'
    """,
    "CREATE INDEX dead_letter_replay ON dead_letter (replay_run_id, stream, id)",
    """
    CREATE TABLE installation_revision (
      installation_id uuid NOT NULL,
      revision integer NOT NULL,
      name text NOT NULL,
      configuration jsonb NOT NULL,
      interval_seconds integer,
      priority integer NOT NULL,
      credentials_changed integer DEFAULT 0 NOT NULL,
      changed_by uuid NOT NULL,
      changed_at timestamptz DEFAULT now() NOT NULL,
      PRIMARY KEY (installation_id, revision),
      FOREIGN KEY(installation_id) REFERENCES installation (id)
    )
    """,
    """
    CREATE TABLE source_record (
      id uuid NOT NULL,
      installation_id uuid NOT NULL,
      stream text NOT NULL,
      external_id text NOT NULL,
      kind text NOT NULL,
      payload bytea NOT NULL,
      payload_hash bytea NOT NULL,
      fingerprint bytea,
      observed_at timestamptz NOT NULL,
      first_seen_at timestamptz DEFAULT now() NOT NULL,
      received_at timestamptz DEFAULT now() NOT NULL,
      revision integer NOT NULL,
      run_id uuid NOT NULL,
      seen_run_id uuid NOT NULL,
      outcome text NOT NULL,
      deleted boolean DEFAULT 'false' NOT NULL,
      customer_id uuid,
      error_code text,
      error_en text,
      error_zh text,
      attempts integer DEFAULT 1 NOT NULL,
      trace_id text,
      PRIMARY KEY (id),
      FOREIGN KEY(installation_id) REFERENCES installation (id)
    )
    """,
    "CREATE INDEX source_record_customer ON source_record (customer_id)",
    """
    CREATE UNIQUE INDEX source_record_identity
      ON source_record (installation_id, stream, external_id)
    """,
    "CREATE INDEX source_record_run ON source_record (run_id, id)",
    """
    CREATE TABLE stream_state (
      installation_id uuid NOT NULL,
      stream text NOT NULL,
      watermark jsonb,
      completed_at timestamptz DEFAULT now() NOT NULL,
      run_id uuid NOT NULL,
      PRIMARY KEY (installation_id, stream),
      FOREIGN KEY(installation_id) REFERENCES installation (id)
    )
    """,
    """
    CREATE TABLE sync_run (
      id uuid DEFAULT uuidv7() NOT NULL,
      installation_id uuid NOT NULL,
      revision integer NOT NULL,
      mode text NOT NULL,
      status text DEFAULT 'QUEUED' NOT NULL,
      requested_by uuid,
      queued_at timestamptz DEFAULT now() NOT NULL,
      started_at timestamptz,
      finished_at timestamptz,
      worker text,
      fence bigint DEFAULT 0 NOT NULL,
      lease_until timestamptz,
      heartbeat_at timestamptz,
      rung_at timestamptz,
      not_before timestamptz,
      tries integer DEFAULT 0 NOT NULL,
      progress_at timestamptz DEFAULT now() NOT NULL,
      cancel_requested boolean DEFAULT 'false' NOT NULL,
      stream text,
      position jsonb,
      stream_fetched integer DEFAULT 0 NOT NULL,
      stream_total integer,
      watermarks jsonb DEFAULT '{}' NOT NULL,
      whole boolean DEFAULT 'true' NOT NULL,
      pages integer DEFAULT 0 NOT NULL,
      fetched integer DEFAULT 0 NOT NULL,
      created integer DEFAULT 0 NOT NULL,
      updated integer DEFAULT 0 NOT NULL,
      unchanged integer DEFAULT 0 NOT NULL,
      matched integer DEFAULT 0 NOT NULL,
      ambiguous integer DEFAULT 0 NOT NULL,
      rejected integer DEFAULT 0 NOT NULL,
      dead_lettered integer DEFAULT 0 NOT NULL,
      deleted integer DEFAULT 0 NOT NULL,
      calls integer DEFAULT 0 NOT NULL,
      retries integer DEFAULT 0 NOT NULL,
      error_code text,
      error_en text,
      error_zh text,
      fix_en text,
      fix_zh text,
      traceparent text,
      trace_id text,
      PRIMARY KEY (id),
      CHECK (mode IN ('INCREMENTAL', 'FULL', 'REPLAY')),
      CHECK (status IN ('QUEUED', 'RUNNING', 'SUCCEEDED', 'PARTIAL', 'FAILED', 'CANCELLED')),
      FOREIGN KEY(installation_id) REFERENCES installation (id)
    )
    """,
    """
    CREATE UNIQUE INDEX sync_run_active ON sync_run (installation_id)
      WHERE status IN ('QUEUED','RUNNING') AND mode <> 'REPLAY'
    """,
    "CREATE INDEX sync_run_latest ON sync_run (installation_id, queued_at, id)",
    """
    CREATE INDEX sync_run_waiting ON sync_run (lease_until)
      WHERE status IN ('QUEUED','RUNNING')
    """,
    """
    CREATE TABLE link_moved (
      merge_id uuid NOT NULL,
      source_record_id uuid NOT NULL,
      from_customer uuid NOT NULL,
      to_customer uuid NOT NULL,
      moved_back_at timestamptz,
      PRIMARY KEY (merge_id, source_record_id),
      FOREIGN KEY(source_record_id) REFERENCES source_record (id)
    )
    """,
    """
    CREATE TABLE sync_page (
      run_id uuid NOT NULL,
      number integer NOT NULL,
      stream text NOT NULL,
      position jsonb,
      fetched integer NOT NULL,
      delivered integer NOT NULL,
      dead_lettered integer NOT NULL,
      fetch_ms integer NOT NULL,
      map_ms integer NOT NULL,
      deliver_ms integer NOT NULL,
      at timestamptz DEFAULT now() NOT NULL,
      PRIMARY KEY (run_id, number),
      FOREIGN KEY(run_id) REFERENCES sync_run (id)
    )
    """,
    """
    CREATE UNIQUE INDEX sync_page_circle ON sync_page (run_id, stream, md5(position::text))
      WHERE position IS NOT NULL AND position::text <> 'null'
    """,
)


def upgrade() -> None:
    """Apply this revision."""
    chassis_tables(op)
    for statement in _UP:
        op.execute(statement)


def downgrade() -> None:
    """Undo this revision."""
    op.execute(
        "DROP TABLE sync_page, link_moved, sync_run, stream_state, source_record, "
        "installation_revision, dead_letter, installation, customer_access"
    )
    drop_chassis_tables(op)
