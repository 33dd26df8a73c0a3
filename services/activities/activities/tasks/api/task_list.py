"""Asking for tasks: one, a page of those one may see, a page of one's own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import strawberry

from activities.core.api.enums import Due, Status
from activities.core.api.ids import uuid
from activities.core.domain.ids import CustomerId, UserId
from activities.tasks.api.task import Task, TaskIdArgument
from activities.tasks.domain.due import span, zone
from activities.tasks.store import task_list as store
from activities.timeline.api import ActivitiesInfo
from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect
from chassis.api.rights import right


@strawberry.input(description="Which tasks; what is left out does not matter.")
class TaskFilter:
    customer_id: strawberry.ID | None = strawberry.field(
        default=None, description="Of this customer, its merged ones included."
    )
    assignee_id: strawberry.ID | None = strawberry.field(
        default=None, description="To be done by this user."
    )
    status: list[Status] | None = strawberry.field(default=None, description="In one of these.")
    due: Due | None = strawberry.field(default=None, description="Due in this window of time.")
    time_zone: str = strawberry.field(
        default="Asia/Shanghai", description="IANA name of the zone whose calendar `due` means."
    )

    def resolved(self, now: datetime) -> store.Filter:
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
    @strawberry.field(description="One task.", metadata=right("Task"))
    async def task(self, info: ActivitiesInfo, id: TaskIdArgument) -> Task | None:
        return await Task.resolve_reference(info, id)

    @strawberry.field(
        description="Tasks you may see, the most urgent first and those without a due time last.",
        metadata=right("Task"),
    )
    async def tasks(
        self,
        info: ActivitiesInfo,
        filter: Annotated[
            TaskFilter | None, strawberry.argument(description="Which tasks; left out: all.")
        ] = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[Task]:
        wanted = (filter or TaskFilter()).resolved(datetime.now(UTC))
        return await _listed(info, wanted, Window(first, after))

    @strawberry.field(
        description="What you are to do, the most urgent first.", metadata=right("Task")
    )
    async def my_tasks(
        self,
        info: ActivitiesInfo,
        due: Annotated[
            Due | None, strawberry.argument(description="Due in this window of time only.")
        ] = None,
        time_zone: Annotated[
            str,
            strawberry.argument(description="IANA name of the zone whose calendar `due` means."),
        ] = "Asia/Shanghai",
        status: Annotated[
            list[Status] | None, strawberry.argument(description="Left out: what is still open.")
        ] = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[Task]:
        mine = store.Filter(
            assignee=UserId(info.context.actor.user_id),
            status=(Status.OPEN,) if status is None else tuple(status),
            due=span(due, datetime.now(UTC), zone(time_zone)) if due else None,
        )
        return await _listed(info, mine, Window(first, after))


async def _listed(info: ActivitiesInfo, filter: store.Filter, window: Window) -> Connection[Task]:
    found = await info.context.read(store.listed, info.context.scope("Task"), filter, window)
    answer: Connection[Task] = connect(found, Task.of)
    return answer
