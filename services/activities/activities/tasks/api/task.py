"""Tasks, and the mutations that change one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

import strawberry

from activities.core.api.arguments import (
    ERRORS,
    IDEMPOTENCY_KEY,
    VERSION,
    ExpectedVersion,
    IdempotencyKey,
)
from activities.core.api.ids import uuid
from activities.core.api.user import User
from activities.core.domain.ids import CustomerId, FollowUpId, TaskId, UserId
from activities.customers.api import CUSTOMER, Customer
from activities.tasks import commands
from activities.tasks.api.enums import Status
from activities.tasks.api.loaders import TaskLoaders
from activities.tasks.domain.task import LONGEST_TITLE
from activities.tasks.store import task as store
from activities.tasks.store.task import TaskRow
from chassis.actor import Actor
from chassis.api.context import Info
from chassis.api.problems import UserError, answers
from chassis.api.rights import right
from chassis.errors import BadInput
from chassis.policy.scope import Scope

TaskIdArgument = Annotated[strawberry.ID, strawberry.argument(description="The task's id.")]


@strawberry.federation.type(keys=["id"], description="Something to be done for a customer.")
class Task:
    """A task; follow_ups adds the follow-up it came from in schema.py."""

    id: strawberry.ID = strawberry.field(description="The task's id.")
    version: int = strawberry.field(description=VERSION)
    title: str = strawberry.field(description="What is to be done.")
    status: Status = strawberry.field(description="Whether it is open, done or cancelled.")
    due_at: datetime | None = strawberry.field(
        description="When it is due; null where no due time was set."
    )
    reminded_at: datetime | None = strawberry.field(
        description="When its assignee was reminded that it was due."
    )
    closed_at: datetime | None = strawberry.field(description="When it was done or cancelled.")
    created_at: datetime = strawberry.field(description="When it was created.")
    assignee: User | None = strawberry.field(description="The user who is to do it.")
    creator: User | None = strawberry.field(description="The user who created it.")
    customer: Customer | None = strawberry.field(description=CUSTOMER)
    follow_up_id: strawberry.Private[FollowUpId | None] = None

    @strawberry.field(description="Whether it is open and its due time has passed.")
    def overdue(self) -> bool:
        """Return whether the task is open and its due time has passed."""
        is_open = self.status is Status.OPEN
        return is_open and self.due_at is not None and self.due_at <= datetime.now(UTC)

    @classmethod
    async def resolve_reference(cls, info: Info, id: strawberry.ID) -> Task | None:
        """Return the task of this id, or `None` where the caller may not see one."""
        row = await info.context.loaders_of(TaskLoaders).task.load(TaskId(uuid(id, "id")))
        return cls.of(row) if row else None

    @classmethod
    def of(cls, row: TaskRow) -> Task:
        """Return the GraphQL object of a row."""
        return cls(
            id=strawberry.ID(str(row.id)),
            version=row.version,
            title=row.title,
            status=row.status,
            due_at=row.due_at,
            reminded_at=row.reminded_at,
            closed_at=row.closed_at,
            created_at=row.created_at,
            assignee=User.of(row.assignee),
            creator=User.of(row.creator),
            customer=Customer.of(row.customer),
            follow_up_id=row.follow_up,
        )


@strawberry.type(description="The task after a change, or why the change was refused.")
class TaskPayload:
    """The answer of a task mutation."""

    task: Task | None = strawberry.field(default=None, description="The task after the change.")
    errors: list[UserError] = strawberry.field(default_factory=list, description=ERRORS)


@strawberry.input(description="A task to create.")
class CreateTaskInput:
    """The values of a new task."""

    customer_id: strawberry.ID = strawberry.field(
        description="The id of the customer the task is for."
    )
    title: str = strawberry.field(
        description=f"What is to be done, 1 to {LONGEST_TITLE} characters."
    )
    due_at: datetime | None = strawberry.field(
        default=None, description="When it is due, with a time zone; may be in the past."
    )
    assignee_id: strawberry.ID | None = strawberry.field(
        default=None, description="The id of the user who is to do it. Left out: you."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.type
class TaskMutation:
    """The mutations of tasks."""

    @strawberry.mutation(description="Create a task.", metadata=right("Task", "create"))
    @answers(TaskPayload)
    async def create_task(
        self,
        info: Info,
        input: Annotated[CreateTaskInput, strawberry.argument(description="The task.")],
    ) -> TaskPayload:
        """Create a task."""
        context = info.context
        scope = context.scope("Task", "create")
        id = await context.write(
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
        description="Complete a task. Completing a done task changes nothing; `reopenTask` undoes "
        "it.",
        metadata=right("Task", "update"),
    )
    @answers(TaskPayload)
    async def complete_task(
        self,
        info: Info,
        id: TaskIdArgument,
        expected_version: ExpectedVersion = None,
        idempotency_key: IdempotencyKey = None,
    ) -> TaskPayload:
        """Complete a task."""
        return await _updated(info, commands.complete_task, id, expected_version, idempotency_key)

    @strawberry.mutation(
        description="Cancel a task that is not to be done any more; `reopenTask` undoes it.",
        metadata=right("Task", "update"),
    )
    @answers(TaskPayload)
    async def cancel_task(
        self,
        info: Info,
        id: TaskIdArgument,
        expected_version: ExpectedVersion = None,
        idempotency_key: IdempotencyKey = None,
    ) -> TaskPayload:
        """Cancel a task."""
        return await _updated(info, commands.cancel_task, id, expected_version, idempotency_key)

    @strawberry.mutation(
        description="Reopen a task that was done or cancelled.", metadata=right("Task", "update")
    )
    @answers(TaskPayload)
    async def reopen_task(
        self,
        info: Info,
        id: TaskIdArgument,
        expected_version: ExpectedVersion = None,
        idempotency_key: IdempotencyKey = None,
    ) -> TaskPayload:
        """Reopen a task."""
        return await _updated(info, commands.reopen_task, id, expected_version, idempotency_key)

    @strawberry.mutation(
        description="Assign an open task to another user, who can then see it whichever customer "
        "it is for.",
        metadata=right("Task", "update"),
    )
    @answers(TaskPayload)
    async def reassign_task(
        self,
        info: Info,
        id: TaskIdArgument,
        assignee_id: Annotated[
            strawberry.ID, strawberry.argument(description="The id of the new assignee.")
        ],
        expected_version: ExpectedVersion = None,
        idempotency_key: IdempotencyKey = None,
    ) -> TaskPayload:
        """Assign a task to another user."""
        assignee = _assignee(info, assignee_id)
        return await _updated(
            info, commands.reassign_task, id, assignee, expected_version, idempotency_key
        )

    @strawberry.mutation(
        description="Change the due time of an open task; its assignee is reminded again at the "
        "new time.",
        metadata=right("Task", "update"),
    )
    @answers(TaskPayload)
    async def reschedule_task(
        self,
        info: Info,
        id: TaskIdArgument,
        due_at: Annotated[
            datetime | None,
            strawberry.argument(description="The new due time; null removes the due time."),
        ],
        expected_version: ExpectedVersion = None,
        idempotency_key: IdempotencyKey = None,
    ) -> TaskPayload:
        """Change the due time of a task."""
        return await _updated(
            info, commands.reschedule_task, id, due_at, expected_version, idempotency_key
        )


def _assignee(info: Info, id: strawberry.ID | None) -> UserId:
    """Return the assignee; refuse a user who may not work on tasks, or who does not exist."""
    if id is None:
        return UserId(info.context.actor.user_id)
    user = uuid(id, "assigneeId")
    version = info.context.permissions.version
    if not info.context.guard.permissions(Actor(user), version).may("Task", "update"):
        raise BadInput(
            f"assigneeId {user} is not a user who may work on tasks; choose an active user who "
            "may update tasks.",
            f"assigneeId {user} 不是可以处理任务的用户，请选择有任务权限的在职用户。",
            field="assigneeId",
        )
    return UserId(user)


async def _updated(
    info: Info, command: Callable[..., TaskId], id: strawberry.ID, *arguments: object
) -> TaskPayload:
    scope = info.context.scope("Task", "update")
    task = await info.context.write(command, scope, TaskId(uuid(id, "id")), *arguments)
    return await _payload(info, scope, task)


async def _payload(info: Info, scope: Scope, id: TaskId) -> TaskPayload:
    """Return the task after the change, or none if the caller can no longer see it."""
    [row] = await info.context.read(store.by_ids, scope, [id])
    return TaskPayload(task=Task.of(row) if row else None)
