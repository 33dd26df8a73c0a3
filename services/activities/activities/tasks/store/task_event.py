"""The events of tasks as rows, which the timeline shows."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Column, DateTime, String, Table, Uuid, cast, func, select
from sqlalchemy.orm import Session

from activities.core.domain.ids import TaskId, UserId
from activities.core.store.metadata import metadata
from activities.tasks.domain.task import Happening
from activities.tasks.store.task import task
from chassis.db import among

task_event = Table(
    "task_event",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=func.uuidv7()),
    Column("task_id", Uuid, nullable=False),
    Column("customer_id", Uuid, nullable=False),
    Column("happening", String, nullable=False),
    Column("actor_id", Uuid),
    Column("assignee_id", Uuid, nullable=False),
    Column(
        "occurred_at",
        DateTime(timezone=True),
        nullable=False,
        server_default=func.clock_timestamp(),
    ),
)


def add(
    session: Session, ids: Sequence[TaskId], happening: Happening, *, actor: UserId | None
) -> None:
    """Insert an event for each of these tasks."""
    events = select(
        task.c.id,
        task.c.customer_id,
        task.c.assignee_id,
        cast(happening.value, String),
        cast(actor, Uuid),
    ).where(among(task.c.id, ids))
    session.execute(
        task_event.insert().from_select(
            ["task_id", "customer_id", "assignee_id", "happening", "actor_id"], events
        )
    )
