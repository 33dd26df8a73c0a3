"""The fields that tasks add to a customer."""

from __future__ import annotations

from typing import Annotated

import strawberry

from activities.customers.api import Customer
from activities.tasks.api.enums import Status
from activities.tasks.api.loaders import CustomerTasksKey, TaskLoaders
from activities.tasks.api.task import Task
from chassis.api.context import Info
from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect
from chassis.api.rights import right


@strawberry.type
class CustomerTasks:
    """The tasks of a customer; `Customer` is extended by this in schema.py."""

    @strawberry.field(
        description="The customer's tasks, the most urgent first.", metadata=right("Task")
    )
    @staticmethod
    async def tasks(
        customer: strawberry.Parent[Customer],
        info: Info,
        status: Annotated[
            list[Status] | None,
            strawberry.argument(description="Filter by status. Left out: all."),
        ] = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[Task] | None:
        """Return a page of the customer's tasks."""
        key = CustomerTasksKey(customer.key, Window(first, after), tuple(status or ()))
        page = await info.context.loaders_of(TaskLoaders).tasks_of_customer.load(key)
        connection: Connection[Task] = connect(page, Task.of)
        return connection

    @strawberry.field(
        description="The number of the customer's open tasks.", metadata=right("Task")
    )
    @staticmethod
    async def open_tasks(customer: strawberry.Parent[Customer], info: Info) -> int | None:
        """Return how many of the customer's tasks are open."""
        return await info.context.loaders_of(TaskLoaders).open_tasks.load(customer.key)
