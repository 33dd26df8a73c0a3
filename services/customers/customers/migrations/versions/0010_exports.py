"""Exports: who asked for what and why, who allowed it, the file while it lives, and whose it is."""

from alembic import op

revision = "0010"
down_revision = "0001"

TABLES = """
CREATE TABLE customer_export (
    id uuid PRIMARY KEY,
    actor_id uuid NOT NULL,
    department_id uuid,
    locale text NOT NULL,
    format text NOT NULL CHECK (format IN ('CSV', 'XLSX')),
    columns text[] NOT NULL,
    filter jsonb NOT NULL,
    reason text NOT NULL CHECK (reason <> ''),
    purpose text NOT NULL,
    sensitive boolean NOT NULL,
    status text NOT NULL CHECK (status IN ('AWAITING_APPROVAL', 'QUEUED', 'RUNNING', 'READY',
        'REJECTED', 'CANCELLED', 'FAILED', 'REVOKED', 'EXPIRED')),
    decided_by uuid CHECK (decided_by <> actor_id),
    decided_at timestamptz,
    note text,
    ended_by uuid,
    rows_expected integer NOT NULL,
    rows_done integer NOT NULL DEFAULT 0,
    rows_total integer,
    size bigint,
    -- Under what the file was made: the policy's word on this person, and on these rows.
    standing text,
    access numeric,
    policy_version integer,
    made_at timestamptz,
    file integer,
    downloads integer NOT NULL DEFAULT 0,
    secret bytea NOT NULL,
    mark_key bytea NOT NULL,
    nonce text,
    session_id uuid,
    problem jsonb,
    fence integer NOT NULL DEFAULT 0,
    lease_until timestamptz,
    failures integer NOT NULL DEFAULT 0,
    traceparent text,
    trace_id text,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    finished_at timestamptz
);
CREATE INDEX customer_export_due ON customer_export (lease_until)
    WHERE status IN ('QUEUED', 'RUNNING');
CREATE INDEX customer_export_open ON customer_export (expires_at)
    WHERE status IN ('AWAITING_APPROVAL', 'QUEUED', 'RUNNING', 'READY');
CREATE INDEX customer_export_by_actor ON customer_export (actor_id, created_at);
CREATE TABLE customer_export_chunk (
    export_id uuid NOT NULL REFERENCES customer_export (id) ON DELETE CASCADE,
    chunk integer NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (export_id, chunk)
);
-- Which customers an export ever held; `file` is the making that held them last.
CREATE TABLE customer_export_row (
    customer_id uuid NOT NULL,
    export_id uuid NOT NULL REFERENCES customer_export (id) ON DELETE CASCADE,
    file integer NOT NULL,
    PRIMARY KEY (customer_id, export_id)
);
CREATE INDEX customer_export_row_by_export ON customer_export_row (export_id, file);
"""


def upgrade() -> None:
    """Create the tables of this revision."""
    op.execute(TABLES)


def downgrade() -> None:
    """Drop the tables of this revision."""
    op.execute("DROP TABLE customer_export_row, customer_export_chunk, customer_export")
