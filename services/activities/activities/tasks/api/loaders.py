"""The loaders of tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from strawberry.dataloader import DataLoader

from activities.core.api.loading import load_by_arguments, scoped_loader
from activities.core.domain.ids import CustomerId, FollowUpId, TaskId
from activities.tasks.domain.task import Status
from activities.tasks.store import task, task_list
from activities.tasks.store.task import TaskRow
from chassis.api.context import Context
from chassis.api.paging import Page, Window


@dataclass(frozen=True, slots=True)
class CustomerTasksKey:
    """One customer's tasks: the page, and the statuses to filter by (empty: all)."""

    customer: CustomerId | None
    window: Window
    status: tuple[Status, ...] = ()


class TaskLoaders:
    """The loaders of one request; every batch opens its own session."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.task: DataLoader[TaskId, TaskRow | None] = scoped_loader(context, "Task", task.by_ids)
        self.task_of_follow_up: DataLoader[FollowUpId, TaskRow | None] = scoped_loader(
            context, "Task", task.by_follow_ups
        )
        self.open_tasks: DataLoader[CustomerId, int] = scoped_loader(
            context, "Task", task_list.open_tasks
        )
        self.tasks_of_customer: DataLoader[CustomerTasksKey, Page[TaskRow]] = DataLoader(
            self._tasks_of_customers
        )

    async def _tasks_of_customers(self, keys: list[CustomerTasksKey]) -> list[Page[TaskRow]]:
        async def load(
            arguments: CustomerTasksKey, ids: Sequence[CustomerId]
        ) -> list[Page[TaskRow]]:
            scope = self._context.scope("Task")
            return await self._context.read(
                task_list.of_customers, scope, arguments.status, arguments.window, ids
            )

        return await load_by_arguments(keys, load)
