"""One query for many keys: what the fields of this service read through, made anew per request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy.orm import Session
from strawberry.dataloader import DataLoader

from activities.core.domain.ids import CustomerId, FollowUpId, TaskId
from activities.follow_ups import store as follow_up
from activities.follow_ups.store import FollowUpRow
from activities.tasks.domain.task import Status
from activities.tasks.store import task, task_list
from activities.tasks.store.task import TaskRow
from activities.timeline import store as timeline
from activities.timeline.store import Entry
from chassis.api.context import Context
from chassis.api.paging import Page, Window
from chassis.policy.guard import Scope

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class TimelineKey:
    """One customer's timeline, and the part of it that is wanted."""

    customer: CustomerId | None
    window: Window
    follow_ups: bool = True
    tasks: bool = True
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class TasksKey:
    """One customer's tasks, and which of them are wanted."""

    customer: CustomerId | None
    window: Window
    status: tuple[Status, ...] = ()


class Loaders:
    """The loaders of one request; every batch opens its own session."""

    def __init__(self, ctx: Context[Loaders]) -> None:
        self._ctx = ctx
        self.follow_ups: DataLoader[FollowUpId, FollowUpRow | None] = self._by_id(
            "FollowUp", follow_up.by_ids
        )
        self.tasks: DataLoader[TaskId, TaskRow | None] = self._by_id("Task", task.by_ids)
        self.tasks_of_follow_ups: DataLoader[FollowUpId, TaskRow | None] = self._by_id(
            "Task", task.by_follow_ups
        )
        self.last_contacted: DataLoader[CustomerId, datetime | None] = self._by_id(
            "FollowUp", timeline.last_contacted
        )
        self.open_tasks: DataLoader[CustomerId, int] = self._by_id("Task", timeline.open_tasks)
        self.timelines: DataLoader[TimelineKey, Page[Entry]] = DataLoader(self._timelines)
        self.tasks_of_customers: DataLoader[TasksKey, Page[TaskRow]] = DataLoader(
            self._tasks_of_customers
        )

    def _by_id(
        self, object: str, query: Callable[[Session, Scope, Sequence[K]], list[V]]
    ) -> DataLoader[K, V]:
        async def load(ids: list[K]) -> list[V]:
            return await self._ctx.read(query, self._ctx.scope(object), ids)

        return DataLoader(load)

    async def _timelines(self, keys: list[TimelineKey]) -> list[Page[Entry]]:
        async def part(ask: TimelineKey, ids: Sequence[CustomerId]) -> list[Page[Entry]]:
            follow_ups = self._ctx.scope("FollowUp") if ask.follow_ups else None
            tasks = self._ctx.scope("Task") if ask.tasks and self._ctx.may("Task") else None
            wanted = timeline.Ask(follow_ups, tasks, ask.window, ask.since, ask.until)
            return await self._ctx.read(timeline.of_customers, wanted, ids)

        return await _each_part(keys, part)

    async def _tasks_of_customers(self, keys: list[TasksKey]) -> list[Page[TaskRow]]:
        async def part(ask: TasksKey, ids: Sequence[CustomerId]) -> list[Page[TaskRow]]:
            scope = self._ctx.scope("Task")
            return await self._ctx.read(task_list.of_customers, scope, ask.status, ask.window, ids)

        return await _each_part(keys, part)


async def _each_part(keys: Sequence[Any], part: Callable[..., Any]) -> list[Any]:
    """Keys that differ in their customer only are one query. Aliased fields with other arguments
    are a query each."""
    parts: dict[Any, list[CustomerId]] = {}
    for key in keys:
        parts.setdefault(replace(key, customer=None), []).append(key.customer)
    found: dict[Any, Any] = {}
    for ask, ids in parts.items():
        answers = await part(ask, ids)
        found |= {replace(ask, customer=id): a for id, a in zip(ids, answers, strict=True)}
    return [found[key] for key in keys]
