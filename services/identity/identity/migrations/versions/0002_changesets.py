"""Changesets: changes of the policy that are drafted, reviewed and published as one."""

from alembic import op

revision = "0002_changesets"
down_revision = "0001"


def upgrade() -> None:
    """Apply this migration."""
    op.execute(
        """
        CREATE TABLE changeset (
          id uuid PRIMARY KEY DEFAULT uuidv7(),
          title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
          reason text NOT NULL DEFAULT '' CHECK (length(reason) <= 1000),
          status text NOT NULL DEFAULT 'draft'
            CHECK (status IN ('draft', 'in_review', 'approved', 'published', 'discarded')),
          changes jsonb NOT NULL CHECK (jsonb_typeof(changes) = 'array'),
          author_id uuid NOT NULL REFERENCES user_account,
          reviewer_id uuid REFERENCES user_account CHECK (reviewer_id <> author_id),
          review_note text NOT NULL DEFAULT '' CHECK (length(review_note) <= 1000),
          restores_id uuid REFERENCES changeset,
          policy_version bigint,
          published_at timestamptz,
          published_by uuid REFERENCES user_account,
          version integer NOT NULL DEFAULT 1,
          created_at timestamptz NOT NULL DEFAULT now(),
          updated_at timestamptz NOT NULL DEFAULT now(),
          CHECK ((status = 'published') = (policy_version IS NOT NULL)),
          CHECK ((status = 'published') = (published_at IS NOT NULL)),
          CHECK (status <> 'approved' OR reviewer_id IS NOT NULL)
        )
        """
    )
    op.execute("CREATE INDEX changeset_by_status ON changeset (status, id DESC)")
    op.execute("CREATE UNIQUE INDEX changeset_version ON changeset (policy_version)")


def downgrade() -> None:
    """Undo this migration."""
    op.execute("DROP TABLE changeset")
