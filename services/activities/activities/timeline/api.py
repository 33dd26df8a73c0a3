"""What a timeline is made of: an activity is anything that happened around a customer."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import Info

from activities.core.api.enums import Happening
from activities.core.api.loaders import Loaders
from activities.core.api.user import User
from activities.core.domain.ids import TaskId
from activities.timeline.store import TaskEventRow
from chassis.api.context import Context
from chassis.api.rights import right

if TYPE_CHECKING:
    from activities.customers.api import Customer
    from activities.tasks.api.task import Task

LazyCustomer = Annotated["Customer", strawberry.lazy("activities.customers.api")]
LazyTask = Annotated["Task", strawberry.lazy("activities.tasks.api.task")]

ActivitiesInfo = Info[Context[Loaders], None]


@strawberry.enum(description="The kinds of activities a timeline holds.")
class ActivityKind(Enum):
    FOLLOW_UP = strawberry.enum_value("follow_up", description="Somebody talked to the customer.")
    TASK = strawberry.enum_value("task", description="Something happened to a task.")


@strawberry.interface(description="Something that happened around a customer.")
class Activity:
    id: strawberry.ID = strawberry.field(description="The activity's id.")
    occurred_at: datetime = strawberry.field(description="When it happened.")
    summary: str = strawberry.field(
        description="What happened, in a few words; may be about people."
    )
    actor: User | None = strawberry.field(description="Who did it; null: the system.")
    customer: LazyCustomer | None = strawberry.field(
        description="The customer it counts as now; after a merge, the surviving one. Null where you "
        "may not see it."
    )


@strawberry.type(description="Something happened to a task.")
class TaskEvent(Activity):
    happening: Happening = strawberry.field(description="What happened.")
    assignee: User | None = strawberry.field(description="Who was to do the task from then on.")
    task_id: strawberry.Private[TaskId]

    @strawberry.field(
        description="The task as it is now; null where it may not be seen.", metadata=right("Task")
    )
    async def task(self, info: ActivitiesInfo) -> LazyTask | None:
        from activities.tasks.api.task import Task

        found = await info.context.loaders.tasks.load(self.task_id)
        return Task.of(found) if found else None

    @classmethod
    def of(cls, row: TaskEventRow) -> TaskEvent:
        from activities.customers.api import Customer

        return cls(
            id=strawberry.ID(str(row.id)),
            occurred_at=row.occurred_at,
            summary=row.title,
            actor=User(id=strawberry.ID(str(row.actor))) if row.actor else None,
            customer=Customer(id=strawberry.ID(str(row.customer))),
            happening=row.happening,
            assignee=User(id=strawberry.ID(str(row.assignee))),
            task_id=row.task,
        )
