"""The pool: customers, their links and claims, contacts, tags, match candidates and merges."""

from alembic import op

from chassis.migrate import chassis_tables, drop_chassis_tables

revision = "0001"
down_revision = None

TABLES = """
CREATE TABLE customer (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    kind text NOT NULL CHECK (kind IN ('ORGANIZATION', 'PERSON')),
    version integer NOT NULL DEFAULT 1,
    name text NOT NULL CHECK (name <> ''),
    english_name text,
    unified_social_credit_code text,
    phone text,
    email text,
    website text,
    industry text,
    region text,
    address text,
    size text,
    lifecycle text NOT NULL DEFAULT 'LEAD'
        CHECK (lifecycle IN ('LEAD', 'PROSPECT', 'ACTIVE', 'DORMANT', 'ARCHIVED', 'BLOCKED')),
    note text,
    name_key text NOT NULL,
    name_grams text[] NOT NULL,
    owner_id uuid,
    department_id uuid,
    collaborators uuid[] NOT NULL DEFAULT '{}',
    merged_into uuid REFERENCES customer (id) CHECK (merged_into <> id),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
-- One index per sort order, for unrestricted lists; one per row scope, for restricted lists.
CREATE INDEX customer_by_update ON customer (updated_at, id) WHERE merged_into IS NULL;
CREATE INDEX customer_by_creation ON customer (created_at, id) WHERE merged_into IS NULL;
CREATE INDEX customer_by_name ON customer (name_key, id) WHERE merged_into IS NULL;
CREATE INDEX customer_by_owner ON customer (owner_id, updated_at, id) WHERE merged_into IS NULL;
CREATE INDEX customer_by_department ON customer (department_id, updated_at, id)
    WHERE merged_into IS NULL;
CREATE INDEX customer_by_collaborator ON customer USING gin (collaborators);
CREATE INDEX customer_by_gram ON customer USING gin (name_grams);
CREATE INDEX customer_redirect ON customer (merged_into) WHERE merged_into IS NOT NULL;

CREATE TABLE link (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    system text NOT NULL,
    installation text NOT NULL DEFAULT '',
    external_id text NOT NULL,
    source_record_id uuid,
    customer_id uuid NOT NULL REFERENCES customer (id),
    fingerprint text NOT NULL DEFAULT '',
    observed_at timestamptz NOT NULL,
    deleted boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (system, installation, external_id)
);
CREATE INDEX link_by_customer ON link (customer_id);

-- Which customer a link belonged to from when to when: what an as-of question needs.
CREATE TABLE holding (
    link_id uuid NOT NULL REFERENCES link (id),
    customer_id uuid NOT NULL REFERENCES customer (id),
    since timestamptz NOT NULL,
    until timestamptz,
    PRIMARY KEY (link_id, since)
);
CREATE UNIQUE INDEX holding_present ON holding (link_id) WHERE until IS NULL;
CREATE INDEX holding_by_customer ON holding (customer_id);

CREATE TABLE claim (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    link_id uuid NOT NULL REFERENCES link (id),
    field text NOT NULL,
    value text NOT NULL CHECK (value <> ''),
    observed_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    ended_at timestamptz CHECK (ended_at >= recorded_at),
    pinned_from timestamptz,
    pinned_until timestamptz,
    pin_settled boolean NOT NULL DEFAULT false,
    actor_id uuid,
    trace_id text
);
CREATE UNIQUE INDEX claim_present ON claim (link_id, field) WHERE ended_at IS NULL;
CREATE INDEX claim_by_link ON claim (link_id);
CREATE INDEX claim_pin_ends ON claim (pinned_until)
    WHERE pinned_until IS NOT NULL AND NOT pin_settled;

CREATE TABLE identity_key (
    link_id uuid NOT NULL REFERENCES link (id),
    kind text NOT NULL CHECK (kind IN ('code', 'phone', 'email', 'name')),
    value text NOT NULL,
    PRIMARY KEY (link_id, kind, value)
);
CREATE INDEX identity_key_by_value ON identity_key (kind, value);

-- Rows that stand for hashed keys: a transaction that decides about a key locks its row first.
CREATE TABLE key_lock (key bigint PRIMARY KEY);

CREATE TABLE contact (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    link_id uuid NOT NULL REFERENCES link (id),
    external_id text NOT NULL,
    customer_id uuid NOT NULL REFERENCES customer (id),
    version integer NOT NULL DEFAULT 1,
    name text,
    title text,
    mobile text,
    email text,
    identity text NOT NULL,
    ended_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (link_id, external_id),
    CHECK (coalesce(name, mobile, email) IS NOT NULL)
);
CREATE INDEX contact_by_customer ON contact (customer_id, id) WHERE ended_at IS NULL;
CREATE INDEX contact_twins ON contact (customer_id, identity, id) WHERE ended_at IS NULL;

CREATE TABLE tag (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    dimension text NOT NULL DEFAULT 'general',
    name text NOT NULL CHECK (name <> ''),
    UNIQUE (dimension, name)
);

-- present = false is a person's "no" to a tag some source gives.
CREATE TABLE tagging (
    link_id uuid NOT NULL REFERENCES link (id),
    tag_id uuid NOT NULL REFERENCES tag (id),
    present boolean NOT NULL DEFAULT true,
    PRIMARY KEY (link_id, tag_id)
);
CREATE INDEX tagging_by_tag ON tagging (tag_id);

-- A person's word about a tag beats a source's; among persons' words a yes beats a no.
CREATE VIEW customer_tag AS
SELECT link.customer_id, tagging.tag_id
FROM tagging JOIN link ON link.id = tagging.link_id
GROUP BY link.customer_id, tagging.tag_id
HAVING bool_or(link.system = 'manual' AND present)
    OR (bool_or(link.system <> 'manual' AND present)
        AND NOT bool_or(link.system = 'manual' AND NOT present));

CREATE TABLE source (
    system text PRIMARY KEY,
    priority integer NOT NULL DEFAULT 100
);

CREATE TABLE survivorship (
    field text PRIMARY KEY,
    source_order text[] NOT NULL,
    version integer NOT NULL DEFAULT 1,
    updated_at timestamptz NOT NULL DEFAULT now(),
    updated_by uuid
);
INSERT INTO survivorship (field, source_order) VALUES ('*', '{manual}');

-- A changed rule re-elects winners customer by customer; this is how far it came.
CREATE TABLE reelection (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    reached uuid,
    requested_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
CREATE INDEX reelection_open ON reelection (id) WHERE finished_at IS NULL;

CREATE TABLE match_candidate (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    left_id uuid NOT NULL REFERENCES customer (id),
    right_id uuid NOT NULL REFERENCES customer (id),
    score double precision NOT NULL,
    evidence jsonb NOT NULL,
    status text NOT NULL DEFAULT 'OPEN' CHECK (status IN ('OPEN', 'DISMISSED', 'MERGED')),
    reason text,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    decided_by uuid,
    decided_at timestamptz,
    UNIQUE (left_id, right_id),
    CHECK (left_id < right_id)
);
CREATE INDEX match_candidate_open ON match_candidate (score, id) WHERE status = 'OPEN';
CREATE INDEX match_candidate_right ON match_candidate (right_id);

CREATE TABLE merge (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    survivor_id uuid NOT NULL REFERENCES customer (id),
    actor_id uuid NOT NULL,
    at timestamptz NOT NULL,
    undone_at timestamptz,
    undone_by uuid,
    trace_id text
);
CREATE INDEX merge_by_survivor ON merge (survivor_id);
CREATE TABLE merge_absorbed (
    merge_id uuid NOT NULL REFERENCES merge (id),
    customer_id uuid NOT NULL REFERENCES customer (id),
    PRIMARY KEY (merge_id, customer_id)
);
CREATE INDEX merge_absorbed_by_customer ON merge_absorbed (customer_id);
CREATE TABLE merge_link (
    merge_id uuid NOT NULL REFERENCES merge (id),
    link_id uuid NOT NULL REFERENCES link (id),
    from_customer_id uuid NOT NULL REFERENCES customer (id),
    PRIMARY KEY (merge_id, link_id)
);

CREATE TABLE duplicate_check (
    actor_id uuid NOT NULL,
    day date NOT NULL,
    asked integer NOT NULL DEFAULT 0,
    PRIMARY KEY (actor_id, day)
);

CREATE TABLE import_job (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    file_name text NOT NULL,
    system text NOT NULL,
    kind text,
    given_mapping jsonb,
    key_columns text[],
    mapping jsonb,
    headers text[],
    status text NOT NULL DEFAULT 'AWAITING_FILE' CHECK (
        status IN ('AWAITING_FILE', 'READY', 'QUEUED', 'RUNNING', 'DONE', 'FAILED', 'CANCELLED')),
    actor_id uuid NOT NULL,
    locale text NOT NULL DEFAULT 'en',
    owner_id uuid,
    secret bytea NOT NULL,
    rows_total integer,
    rows_done integer NOT NULL DEFAULT 0,
    next_chunk integer NOT NULL DEFAULT 0,
    created integer NOT NULL DEFAULT 0,
    updated integer NOT NULL DEFAULT 0,
    unchanged integer NOT NULL DEFAULT 0,
    matched integer NOT NULL DEFAULT 0,
    ambiguous integer NOT NULL DEFAULT 0,
    rejected integer NOT NULL DEFAULT 0,
    problem jsonb,
    fence integer NOT NULL DEFAULT 0,
    lease_until timestamptz,
    failures integer NOT NULL DEFAULT 0,
    traceparent text,
    trace_id text,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz
);
CREATE INDEX import_job_due ON import_job (lease_until) WHERE status IN ('QUEUED', 'RUNNING');
CREATE INDEX import_job_by_actor ON import_job (actor_id, id);
CREATE TABLE import_chunk (
    import_id uuid NOT NULL REFERENCES import_job (id) ON DELETE CASCADE,
    chunk integer NOT NULL,
    rows jsonb NOT NULL,
    PRIMARY KEY (import_id, chunk)
);
CREATE TABLE import_problem (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    import_id uuid NOT NULL REFERENCES import_job (id) ON DELETE CASCADE,
    row_number integer NOT NULL,
    column_name text,
    field text,
    code text NOT NULL,
    en text NOT NULL,
    zh text NOT NULL
);
CREATE INDEX import_problem_by_import ON import_problem (import_id, row_number, id);
"""

NAMES = (
    "import_problem import_chunk import_job duplicate_check merge_link merge_absorbed "
    "merge match_candidate reelection survivorship source tagging tag contact key_lock "
    "identity_key claim holding link customer"
)


def upgrade() -> None:
    """Create the tables of this revision."""
    chassis_tables(op)
    op.execute(TABLES)


def downgrade() -> None:
    """Drop the tables of this revision."""
    op.execute("DROP VIEW customer_tag")
    for name in NAMES.split():
        op.execute(f"DROP TABLE {name}")
    drop_chassis_tables(op)
