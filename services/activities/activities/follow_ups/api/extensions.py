"""The fields that follow-ups add to customers and tasks."""

from __future__ import annotations

from datetime import datetime

import strawberry

from activities.customers.api import Customer
from activities.follow_ups.api.follow_up import FollowUp
from activities.follow_ups.api.loaders import FollowUpLoaders
from activities.tasks.api.task import Task
from chassis.api.context import Info
from chassis.api.rights import right


@strawberry.type
class CustomerFollowUps:
    """The last contact with a customer; `Customer` is extended by this in schema.py."""

    @strawberry.field(
        description="When the customer was last contacted; null if there is no follow-up.",
        metadata=right("FollowUp"),
    )
    @staticmethod
    async def last_contacted_at(
        customer: strawberry.Parent[Customer], info: Info
    ) -> datetime | None:
        """Return the time of the customer's latest follow-up."""
        return await info.context.loaders_of(FollowUpLoaders).last_contacted.load(customer.key)


@strawberry.type
class TaskFollowUp:
    """The follow-up a task came from; `Task` is extended by this in schema.py."""

    @strawberry.field(
        description="The follow-up whose next step this task is; null for other tasks, and where "
        "you may not see it.",
        metadata=right("FollowUp"),
    )
    @staticmethod
    async def follow_up(task: strawberry.Parent[Task], info: Info) -> FollowUp | None:
        """Return the follow-up the task came from."""
        if task.follow_up_id is None:
            return None
        loaders = info.context.loaders_of(FollowUpLoaders)
        row = await loaders.follow_up.load(task.follow_up_id)
        return FollowUp.of(row) if row else None
