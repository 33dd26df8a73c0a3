"""Follow-ups, tasks and their events, and who may see a customer."""

from alembic import op

from chassis.migrate import chassis_tables, drop_chassis_tables

revision = "0001"
down_revision = None

_UP = (
    """
    CREATE TABLE customer_access (
      customer_id uuid PRIMARY KEY,
      owner_id uuid,
      department_id uuid,
      collaborators uuid[] NOT NULL DEFAULT '{}',
      merged_into uuid,
      root_id uuid NOT NULL,
      version bigint NOT NULL
    )
    """,
    "CREATE INDEX customer_access_owner ON customer_access (owner_id)",
    "CREATE INDEX customer_access_department ON customer_access (department_id)",
    "CREATE INDEX customer_access_collaborators ON customer_access USING gin (collaborators)",
    "CREATE INDEX customer_access_root ON customer_access (root_id)",
    """
    CREATE INDEX customer_access_merged_into ON customer_access (merged_into)
      WHERE merged_into IS NOT NULL
    """,
    """
    CREATE TABLE follow_up (
      id uuid PRIMARY KEY DEFAULT uuidv7(),
      customer_id uuid NOT NULL REFERENCES customer_access,
      author_id uuid NOT NULL,
      channel text NOT NULL
        CHECK (channel IN ('call', 'email', 'visit', 'wechat', 'meeting', 'other')),
      summary text NOT NULL CHECK (length(summary) BETWEEN 1 AND 4000),
      occurred_at timestamptz NOT NULL,
      next_step text CHECK (length(next_step) BETWEEN 1 AND 500),
      next_due_at timestamptz,
      version integer NOT NULL DEFAULT 1,
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now(),
      CHECK (next_due_at IS NULL OR next_step IS NOT NULL)
    )
    """,
    "CREATE INDEX follow_up_timeline ON follow_up (customer_id, occurred_at DESC, id DESC)",
    """
    CREATE TABLE task (
      id uuid PRIMARY KEY DEFAULT uuidv7(),
      customer_id uuid NOT NULL REFERENCES customer_access,
      assignee_id uuid NOT NULL,
      creator_id uuid NOT NULL,
      follow_up_id uuid UNIQUE REFERENCES follow_up,
      title text NOT NULL CHECK (length(title) BETWEEN 1 AND 500),
      due_at timestamptz,
      due_or_never timestamptz NOT NULL
        GENERATED ALWAYS AS (coalesce(due_at, '9999-12-31 00:00:00+00'::timestamptz)) STORED,
      status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'done', 'cancelled')),
      closed_at timestamptz,
      reminded_at timestamptz,
      version integer NOT NULL DEFAULT 1,
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now(),
      CHECK ((status = 'open') = (closed_at IS NULL))
    )
    """,
    "CREATE INDEX task_of_customer ON task (customer_id, due_or_never, id)",
    "CREATE INDEX task_of_assignee ON task (assignee_id, due_or_never, id)",
    "CREATE INDEX task_by_due ON task (due_or_never, id)",
    """
    CREATE INDEX task_to_remind ON task (due_at)
      WHERE status = 'open' AND reminded_at IS NULL
    """,
    """
    CREATE TABLE task_event (
      id uuid PRIMARY KEY DEFAULT uuidv7(),
      task_id uuid NOT NULL REFERENCES task,
      customer_id uuid NOT NULL REFERENCES customer_access,
      happening text NOT NULL CHECK (happening IN (
        'created', 'completed', 'cancelled', 'reopened', 'reassigned', 'rescheduled', 'due'
      )),
      actor_id uuid,
      assignee_id uuid NOT NULL,
      occurred_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    "CREATE INDEX task_event_timeline ON task_event (customer_id, occurred_at DESC, id DESC)",
    "CREATE INDEX task_event_of_task ON task_event (task_id)",
)


def upgrade() -> None:
    """Create the tables."""
    for statement in _UP:
        op.execute(statement)
    chassis_tables(op)


def downgrade() -> None:
    """Undo the upgrade."""
    drop_chassis_tables(op)
    for table in ("task_event", "task", "follow_up", "customer_access"):
        op.execute(f"DROP TABLE {table}")
