"""What activities adds to a customer. A customer that may not be seen has an empty past.

Whether a customer exists is no secret this service keeps: it says nothing beyond the id it was
given, and every list below is filtered by the reader's scope. The fields may be null, so that a
customer is still there when this service is not.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry

from activities.core.api.enums import Status
from activities.core.api.ids import uuid
from activities.core.api.loaders import TasksKey, TimelineKey
from activities.core.domain.ids import CustomerId
from activities.core.domain.moment import known
from activities.follow_ups.store import FollowUpRow
from activities.timeline.api import ActivitiesInfo, Activity, ActivityKind, LazyTask, TaskEvent
from activities.timeline.store import Entry
from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect
from chassis.api.rights import right


@strawberry.federation.type(keys=["id"], description="A customer, as far as activities go.")
class Customer:
    id: strawberry.ID = strawberry.field(description="The customer's id.")

    @strawberry.field(
        description="Everything that happened around the customer, newest first. A merged "
        "customer's past is part of the surviving one's.",
        metadata=right("FollowUp"),
    )
    async def timeline(
        self,
        info: ActivitiesInfo,
        kinds: Annotated[
            list[ActivityKind] | None, strawberry.argument(description="Left out: all kinds.")
        ] = None,
        since: Annotated[
            datetime | None, strawberry.argument(description="Not before this moment.")
        ] = None,
        until: Annotated[
            datetime | None, strawberry.argument(description="Before this moment.")
        ] = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[Activity] | None:
        key = TimelineKey(
            customer=self._key,
            window=Window(first, after),
            follow_ups=kinds is None or ActivityKind.FOLLOW_UP in kinds,
            tasks=kinds is None or ActivityKind.TASK in kinds,
            since=known(since, field="since") if since else None,
            until=known(until, field="until") if until else None,
        )
        found = await info.context.loaders.timelines.load(key)
        answer: Connection[Activity] = connect(found, _activity)
        return answer

    @strawberry.field(
        description="Tasks for the customer, the most urgent first.", metadata=right("Task")
    )
    async def tasks(
        self,
        info: ActivitiesInfo,
        status: Annotated[
            list[Status] | None, strawberry.argument(description="Left out: all.")
        ] = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[LazyTask] | None:
        from activities.tasks.api.task import Task

        key = TasksKey(self._key, Window(first, after), tuple(status or ()))
        found = await info.context.loaders.tasks_of_customers.load(key)
        answer: Connection[Task] = connect(found, Task.of)
        return answer

    @strawberry.field(description="How many tasks are open.", metadata=right("Task"))
    async def open_tasks(self, info: ActivitiesInfo) -> int | None:
        return await info.context.loaders.open_tasks.load(self._key)

    @strawberry.field(
        description="When somebody last talked to the customer.", metadata=right("FollowUp")
    )
    async def last_contacted_at(self, info: ActivitiesInfo) -> datetime | None:
        return await info.context.loaders.last_contacted.load(self._key)

    @classmethod
    def resolve_reference(cls, id: strawberry.ID) -> Customer:
        uuid(id, "id")
        return cls(id=id)

    @property
    def _key(self) -> CustomerId:
        return CustomerId(uuid(self.id, "id"))


def _activity(entry: Entry) -> Activity:
    from activities.follow_ups.api import FollowUp

    return FollowUp.of(entry) if isinstance(entry, FollowUpRow) else TaskEvent.of(entry)
