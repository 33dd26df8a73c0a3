"""Sign-in providers, the accounts linked to users, and the sessions of providers."""

from alembic import op

revision = "0020"
down_revision = "0040"

_UP = (
    """
    CREATE TABLE sign_in_provider (
      id uuid PRIMARY KEY DEFAULT uuidv7(),
      name text NOT NULL UNIQUE CHECK (name ~ '^[a-z][a-z0-9-]{1,30}$'),
      title text NOT NULL CHECK (length(title) BETWEEN 1 AND 100),
      issuer text NOT NULL,
      client_id text NOT NULL,
      sealed_secret bytea,
      seal text NOT NULL,
      scopes text[] NOT NULL,
      claims jsonb NOT NULL,
      admission text NOT NULL CHECK (admission IN ('linked', 'known', 'everybody')),
      domains text[] NOT NULL DEFAULT '{}',
      username_form text NOT NULL CHECK (username_form IN ('address', 'local_part')),
      department_id uuid REFERENCES department,
      roles text[] NOT NULL DEFAULT '{}',
      trusts_second_factor boolean NOT NULL DEFAULT false,
      enabled boolean NOT NULL DEFAULT true,
      version integer NOT NULL DEFAULT 1,
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now(),
      CHECK (admission = 'linked' OR cardinality(domains) > 0)
    )
    """,
    # The issuer is part of the key: a provider with a changed issuer has no linked users at first.
    """
    CREATE TABLE sign_in_link (
      id uuid PRIMARY KEY DEFAULT uuidv7(),
      user_id uuid NOT NULL REFERENCES user_account,
      provider_id uuid NOT NULL REFERENCES sign_in_provider,
      issuer text NOT NULL,
      subject text NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now(),
      used_at timestamptz NOT NULL DEFAULT now(),
      UNIQUE (provider_id, issuer, subject),
      UNIQUE (user_id, provider_id)
    )
    """,
    """
    CREATE TABLE sign_in_ticket (
      digest bytea PRIMARY KEY,
      provider_id uuid NOT NULL REFERENCES sign_in_provider,
      challenge text NOT NULL,
      sealed bytea NOT NULL,
      seal text NOT NULL,
      expires_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX sign_in_ticket_expiry ON sign_in_ticket (expires_at)",
    """
    CREATE TABLE provider_session (
      session_id uuid PRIMARY KEY REFERENCES session ON DELETE CASCADE,
      provider_id uuid NOT NULL REFERENCES sign_in_provider,
      issuer text NOT NULL,
      subject text NOT NULL,
      provider_sid text,
      sealed_tokens bytea NOT NULL,
      seal text NOT NULL,
      asked_at timestamptz NOT NULL DEFAULT now(),
      answered_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE INDEX provider_session_sid ON provider_session (provider_id, provider_sid)",
    "CREATE INDEX provider_session_subject ON provider_session (provider_id, subject)",
    # A logout that comes before its sign-in is finished, or twice, is remembered until it is stale.
    """
    CREATE TABLE provider_logout (
      provider_id uuid NOT NULL REFERENCES sign_in_provider ON DELETE CASCADE,
      digest bytea NOT NULL,
      subject text,
      provider_sid text,
      at timestamptz NOT NULL DEFAULT now(),
      until timestamptz NOT NULL,
      PRIMARY KEY (provider_id, digest)
    )
    """,
)


def upgrade() -> None:
    """Apply this migration."""
    for statement in _UP:
        op.execute(statement)


def downgrade() -> None:
    """Undo this migration."""
    for table in (
        "provider_logout",
        "provider_session",
        "sign_in_ticket",
        "sign_in_link",
        "sign_in_provider",
    ):
        op.execute(f"DROP TABLE {table}")
