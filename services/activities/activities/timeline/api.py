"""The timeline of a customer: its entries, its loader, and the field it adds to a customer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Annotated

import strawberry
from strawberry.dataloader import DataLoader

from activities.core.api.loading import load_by_arguments
from activities.core.api.user import User
from activities.core.domain.ids import CustomerId, TaskId
from activities.core.domain.moment import in_utc
from activities.customers.api import Activity, Customer
from activities.follow_ups.api.follow_up import FollowUp
from activities.follow_ups.store import FollowUpRow
from activities.tasks.api.enums import Happening
from activities.tasks.api.loaders import TaskLoaders
from activities.tasks.api.task import Task
from activities.timeline import store as timeline
from activities.timeline.store import Entry, TaskEventRow
from chassis.api.context import Context, Info
from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Page, Window, connect
from chassis.api.rights import right


@strawberry.enum(description="The kinds of activities in a timeline.")
class ActivityKind(Enum):
    """The kinds of entries a timeline can be filtered by."""

    FOLLOW_UP = strawberry.enum_value(
        "follow_up", description="A conversation or meeting with the customer."
    )
    TASK = strawberry.enum_value("task", description="An event in the life of a task.")


@strawberry.type(description="An event in the life of a task.")
class TaskEvent(Activity):
    """A timeline entry about a task."""

    happening: Happening = strawberry.field(description="What happened to the task.")
    assignee: User | None = strawberry.field(description="The task's assignee after the event.")
    task_id: strawberry.Private[TaskId]

    @strawberry.field(
        description="The task as it is now; null where you may not see it.",
        metadata=right("Task"),
    )
    async def task(self, info: Info) -> Task | None:
        """Return the task in its present state."""
        row = await info.context.loaders_of(TaskLoaders).task.load(self.task_id)
        return Task.of(row) if row else None

    @classmethod
    def of(cls, row: TaskEventRow) -> TaskEvent:
        """Return the GraphQL object of a row."""
        return cls(
            id=strawberry.ID(str(row.id)),
            occurred_at=row.occurred_at,
            summary=row.title,
            actor=User.of(row.actor),
            customer=Customer.of(row.customer),
            happening=row.happening,
            assignee=User.of(row.assignee),
            task_id=row.task,
        )


@dataclass(frozen=True, slots=True)
class TimelineKey:
    """One customer's timeline: the page, the kinds of entries, and the span of time."""

    customer: CustomerId | None
    window: Window
    follow_ups: bool = True
    tasks: bool = True
    since: datetime | None = None
    until: datetime | None = None


class TimelineLoaders:
    """The loaders of one request; every batch opens its own session."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.timeline: DataLoader[TimelineKey, Page[Entry]] = DataLoader(self._timelines)

    async def _timelines(self, keys: list[TimelineKey]) -> list[Page[Entry]]:
        context = self._context

        async def load(arguments: TimelineKey, ids: Sequence[CustomerId]) -> list[Page[Entry]]:
            follow_ups = context.scope("FollowUp") if arguments.follow_ups else None
            tasks = context.scope("Task") if arguments.tasks and context.may("Task") else None
            selection = timeline.Selection(
                follow_ups, tasks, arguments.window, arguments.since, arguments.until
            )
            return await context.read(timeline.of_customers, selection, ids)

        return await load_by_arguments(keys, load)


@strawberry.type
class CustomerTimeline:
    """The timeline of a customer; `Customer` is extended by this in schema.py."""

    @strawberry.field(
        description="Everything that happened around the customer, newest first. The past of "
        "customers that were merged with this one is included.",
        metadata=right("FollowUp"),
    )
    @staticmethod
    async def timeline(
        customer: strawberry.Parent[Customer],
        info: Info,
        kinds: Annotated[
            list[ActivityKind] | None,
            strawberry.argument(description="Filter by kind of activity. Left out: all."),
        ] = None,
        since: Annotated[
            datetime | None,
            strawberry.argument(
                description="Only activities at or after this moment, with a time zone."
            ),
        ] = None,
        until: Annotated[
            datetime | None,
            strawberry.argument(
                description="Only activities before this moment, with a time zone."
            ),
        ] = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[Activity] | None:
        """Return a page of the customer's timeline."""
        key = TimelineKey(
            customer=customer.key,
            window=Window(first, after),
            follow_ups=kinds is None or ActivityKind.FOLLOW_UP in kinds,
            tasks=kinds is None or ActivityKind.TASK in kinds,
            since=in_utc(since, field="since") if since else None,
            until=in_utc(until, field="until") if until else None,
        )
        page = await info.context.loaders_of(TimelineLoaders).timeline.load(key)
        connection: Connection[Activity] = connect(page, _activity)
        return connection


def _activity(entry: Entry) -> Activity:
    return FollowUp.of(entry) if isinstance(entry, FollowUpRow) else TaskEvent.of(entry)
