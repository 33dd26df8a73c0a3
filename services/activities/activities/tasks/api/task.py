"""Tasks, and everything that is done to one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from activities.core.api.enums import Due, Status
from activities.core.api.ids import uuid
from activities.core.api.user import User
from activities.core.domain.ids import CustomerId, FollowUpId, TaskId, UserId
from activities.tasks import commands
from activities.tasks.domain.task import LONGEST_TITLE
from activities.tasks.store import task as store
from activities.tasks.store.task import TaskRow
from activities.timeline.api import ActivitiesInfo, LazyCustomer
from chassis.actor import Actor
from chassis.api.problems import UserError, answers
from chassis.api.rights import right
from chassis.errors import BadInput
from chassis.policy.guard import Scope

if TYPE_CHECKING:
    from activities.follow_ups.api import FollowUp

LazyFollowUp = Annotated["FollowUp", strawberry.lazy("activities.follow_ups.api")]

strawberry.enum(
    Due,
    name="DueWindow",
    description="OVERDUE: before now. TODAY, THIS_WEEK (from Monday) and LATER (after this week) "
    "by the calendar of a time zone. UNDATED: no due time.",
)

ExpectedVersion = Annotated[
    int | None,
    strawberry.argument(description="Refuse with CONFLICT if this is not the present version."),
]
IdempotencyKey = Annotated[
    str | None,
    strawberry.argument(description="Sent again with the same key, it is not done again (7 days)."),
]
TaskIdArgument = Annotated[strawberry.ID, strawberry.argument(description="The task's id.")]


@strawberry.federation.type(keys=["id"], description="Something to be done for a customer.")
class Task:
    id: strawberry.ID = strawberry.field(description="The task's id.")
    version: int = strawberry.field(description="Grows with every change; give it back on writes.")
    title: str = strawberry.field(description="What is to be done.")
    status: Status = strawberry.field(description="Whether it is still to be done.")
    due_at: datetime | None = strawberry.field(description="By when; null: no time was set.")
    reminded_at: datetime | None = strawberry.field(
        description="When its assignee was reminded that the time had come."
    )
    closed_at: datetime | None = strawberry.field(description="When it was done or cancelled.")
    created_at: datetime = strawberry.field(description="When it was written down.")
    assignee: User | None = strawberry.field(description="Who is to do it.")
    creator: User | None = strawberry.field(description="Who wrote it down.")
    customer: LazyCustomer | None = strawberry.field(
        description="The customer it counts as now; after a merge, the surviving one. Null where you "
        "may not see it."
    )
    follow_up_id: strawberry.Private[FollowUpId | None] = None

    @strawberry.field(
        description="The follow-up whose next step this is, if it came from one.",
        metadata=right("FollowUp"),
    )
    async def follow_up(self, info: ActivitiesInfo) -> LazyFollowUp | None:
        from activities.follow_ups.api import FollowUp

        if self.follow_up_id is None:
            return None
        found = await info.context.loaders.follow_ups.load(self.follow_up_id)
        return FollowUp.of(found) if found else None

    @strawberry.field(description="Whether its time has come while it is still open.")
    def overdue(self) -> bool:
        open_ = self.status is Status.OPEN
        return open_ and self.due_at is not None and self.due_at <= datetime.now(UTC)

    @classmethod
    async def resolve_reference(cls, info: ActivitiesInfo, id: strawberry.ID) -> Task | None:
        found = await info.context.loaders.tasks.load(TaskId(uuid(id, "id")))
        return cls.of(found) if found else None

    @classmethod
    def of(cls, row: TaskRow) -> Task:
        from activities.customers.api import Customer

        return cls(
            id=strawberry.ID(str(row.id)),
            version=row.version,
            title=row.title,
            status=row.status,
            due_at=row.due_at,
            reminded_at=row.reminded_at,
            closed_at=row.closed_at,
            created_at=row.created_at,
            assignee=User(id=strawberry.ID(str(row.assignee))),
            creator=User(id=strawberry.ID(str(row.creator))),
            customer=Customer(id=strawberry.ID(str(row.customer))),
            follow_up_id=row.follow_up,
        )


@strawberry.type(description="The task after a write, or why it was refused.")
class TaskPayload:
    task: Task | None = strawberry.field(default=None, description="The task as it is now.")
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was done; empty: it was done."
    )


@strawberry.input(description="A task to write down.")
class CreateTaskInput:
    customer_id: strawberry.ID = strawberry.field(description="For which customer.")
    title: str = strawberry.field(
        description=f"What is to be done, 1 to {LONGEST_TITLE} characters."
    )
    due_at: datetime | None = strawberry.field(
        default=None, description="By when, with a time zone; may be in the past."
    )
    assignee_id: strawberry.ID | None = strawberry.field(
        default=None, description="Who is to do it; left out: you."
    )
    idempotency_key: str | None = strawberry.field(
        default=None, description="Sent again with the same key, it is not done again (7 days)."
    )


@strawberry.type
class TaskMutation:
    @strawberry.mutation(description="Write a task down.", metadata=right("Task", "create"))
    @answers(TaskPayload)
    async def create_task(
        self,
        info: ActivitiesInfo,
        input: Annotated[CreateTaskInput, strawberry.argument(description="The task.")],
    ) -> TaskPayload:
        ctx = info.context
        scope = ctx.scope("Task", "create")
        id = await ctx.write(
            commands.create_task,
            scope,
            CustomerId(uuid(input.customer_id, "customerId")),
            title=input.title,
            due_at=input.due_at,
            assignee=_assignee(info, input.assignee_id),
            key=input.idempotency_key,
        )
        return await _payload(info, scope, id)

    @strawberry.mutation(
        description="It is done. Done twice is done once; `reopenTask` takes it back.",
        metadata=right("Task", "update"),
    )
    @answers(TaskPayload)
    async def complete_task(
        self,
        info: ActivitiesInfo,
        id: TaskIdArgument,
        expected_version: ExpectedVersion = None,
        idempotency_key: IdempotencyKey = None,
    ) -> TaskPayload:
        return await _updated(info, commands.complete_task, id, expected_version, idempotency_key)

    @strawberry.mutation(
        description="It is not to be done after all; `reopenTask` takes it back.",
        metadata=right("Task", "update"),
    )
    @answers(TaskPayload)
    async def cancel_task(
        self,
        info: ActivitiesInfo,
        id: TaskIdArgument,
        expected_version: ExpectedVersion = None,
        idempotency_key: IdempotencyKey = None,
    ) -> TaskPayload:
        return await _updated(info, commands.cancel_task, id, expected_version, idempotency_key)

    @strawberry.mutation(
        description="Take a completion or a cancellation back.", metadata=right("Task", "update")
    )
    @answers(TaskPayload)
    async def reopen_task(
        self,
        info: ActivitiesInfo,
        id: TaskIdArgument,
        expected_version: ExpectedVersion = None,
        idempotency_key: IdempotencyKey = None,
    ) -> TaskPayload:
        return await _updated(info, commands.reopen_task, id, expected_version, idempotency_key)

    @strawberry.mutation(
        description="Give an open task to somebody else, who then sees it wherever its customer "
        "belongs.",
        metadata=right("Task", "update"),
    )
    @answers(TaskPayload)
    async def reassign_task(
        self,
        info: ActivitiesInfo,
        id: TaskIdArgument,
        assignee_id: Annotated[
            strawberry.ID, strawberry.argument(description="Who is to do it from now on.")
        ],
        expected_version: ExpectedVersion = None,
        idempotency_key: IdempotencyKey = None,
    ) -> TaskPayload:
        assignee = _assignee(info, assignee_id)
        return await _updated(
            info, commands.reassign_task, id, assignee, expected_version, idempotency_key
        )

    @strawberry.mutation(
        description="Give an open task another due time; its assignee is reminded again then.",
        metadata=right("Task", "update"),
    )
    @answers(TaskPayload)
    async def reschedule_task(
        self,
        info: ActivitiesInfo,
        id: TaskIdArgument,
        due_at: Annotated[
            datetime | None, strawberry.argument(description="The new due time; null: none.")
        ],
        expected_version: ExpectedVersion = None,
        idempotency_key: IdempotencyKey = None,
    ) -> TaskPayload:
        return await _updated(
            info, commands.reschedule_task, id, due_at, expected_version, idempotency_key
        )


def _assignee(info: ActivitiesInfo, id: strawberry.ID | None) -> UserId:
    """Whoever is to do a task must be somebody here who may work on tasks at all."""
    if id is None:
        return UserId(info.context.actor.user_id)
    user = uuid(id, "assigneeId")
    version = info.context.permissions.version
    if not info.context.guard.permissions(Actor(user), version).may("Task", "update"):
        raise BadInput(
            f"assigneeId {user} is nobody who may work on tasks; choose an active user who may.",
            f"assigneeId {user} 不是可以处理任务的用户，请选择有任务权限的在职用户。",
            field="assigneeId",
        )
    return UserId(user)


async def _updated(
    info: ActivitiesInfo, command: Callable[..., TaskId], id: strawberry.ID, *asked: object
) -> TaskPayload:
    scope = info.context.scope("Task", "update")
    task = await info.context.write(command, scope, TaskId(uuid(id, "id")), *asked)
    return await _payload(info, scope, task)


async def _payload(info: ActivitiesInfo, scope: Scope, id: TaskId) -> TaskPayload:
    """The task as it is after the write; it may have left the writer's sight by it."""
    [found] = await info.context.read(store.by_ids, scope, [id])
    return TaskPayload(task=Task.of(found) if found else None)
