"""Queries for tasks: one, a page of the visible ones, a page of the caller's own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import strawberry

from activities.core.api.arguments import DEFAULT_TIME_ZONE, TimeZone
from activities.core.api.ids import uuid
from activities.core.domain.ids import CustomerId, UserId
from activities.tasks.api.enums import Due, Status
from activities.tasks.api.task import Task, TaskIdArgument
from activities.tasks.domain.due import span, zone
from activities.tasks.store import task_list as store
from chassis.api.context import Info
from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect
from chassis.api.rights import right


@strawberry.input(description="Conditions on tasks; a condition that is left out does not filter.")
class TaskFilter:
    """The filter of the task list."""

    customer_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="Filter by customer; customers merged with this one are included.",
    )
    assignee_id: strawberry.ID | None = strawberry.field(
        default=None, description="Filter by assignee."
    )
    status: list[Status] | None = strawberry.field(
        default=None, description="Filter by status: one of these."
    )
    due: Due | None = strawberry.field(default=None, description="Filter by due time.")
    time_zone: str = strawberry.field(
        default=DEFAULT_TIME_ZONE,
        description="The IANA name of the time zone whose calendar `due` refers to.",
    )

    def resolved(self, now: datetime) -> store.Filter:
        """Return the filter with ids and due times as values. Raise `BadInput` for bad ones."""
        return store.Filter(
            customer=CustomerId(uuid(self.customer_id, "filter.customerId"))
            if self.customer_id
            else None,
            assignee=UserId(uuid(self.assignee_id, "filter.assigneeId"))
            if self.assignee_id
            else None,
            status=tuple(self.status or ()),
            due=span(self.due, now, zone(self.time_zone)) if self.due else None,
        )


@strawberry.type
class TaskQuery:
    """The queries of tasks."""

    @strawberry.field(
        description="The task of an id; null where you may not see it.", metadata=right("Task")
    )
    async def task(self, info: Info, id: TaskIdArgument) -> Task | None:
        """Return one task."""
        return await Task.resolve_reference(info, id)

    @strawberry.field(
        description="The tasks you may see, the most urgent first and those without a due time "
        "last.",
        metadata=right("Task"),
    )
    async def tasks(
        self,
        info: Info,
        filter: Annotated[
            TaskFilter | None,
            strawberry.argument(description="Conditions on the tasks. Left out: all."),
        ] = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[Task]:
        """Return a page of the tasks the caller may see."""
        conditions = (filter or TaskFilter()).resolved(datetime.now(UTC))
        return await _page(info, conditions, Window(first, after))

    @strawberry.field(
        description="The tasks assigned to you, the most urgent first.", metadata=right("Task")
    )
    async def my_tasks(
        self,
        info: Info,
        due: Annotated[
            Due | None, strawberry.argument(description="Filter by due time. Left out: any.")
        ] = None,
        time_zone: TimeZone = DEFAULT_TIME_ZONE,
        status: Annotated[
            list[Status] | None,
            strawberry.argument(description="Filter by status. Left out: open tasks."),
        ] = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[Task]:
        """Return a page of the caller's tasks."""
        conditions = store.Filter(
            assignee=UserId(info.context.actor.user_id),
            status=(Status.OPEN,) if status is None else tuple(status),
            due=span(due, datetime.now(UTC), zone(time_zone)) if due else None,
        )
        return await _page(info, conditions, Window(first, after))


async def _page(info: Info, filter: store.Filter, window: Window) -> Connection[Task]:
    page = await info.context.read(store.matching, info.context.scope("Task"), filter, window)
    connection: Connection[Task] = connect(page, Task.of)
    return connection
