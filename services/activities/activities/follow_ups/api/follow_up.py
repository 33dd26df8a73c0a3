"""Follow-ups: reading one, logging one, and editing one's own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import strawberry

from activities.core.api.arguments import ERRORS, IDEMPOTENCY_KEY, VERSION
from activities.core.api.ids import uuid
from activities.core.api.user import User
from activities.core.domain.ids import CustomerId, FollowUpId
from activities.customers.api import Activity, Customer
from activities.follow_ups import commands, store
from activities.follow_ups.api.loaders import FollowUpLoaders
from activities.follow_ups.commands import FollowUpRequest
from activities.follow_ups.domain import LONGEST_NEXT_STEP, LONGEST_SUMMARY, Channel
from activities.follow_ups.store import FollowUpRow
from activities.tasks.api.loaders import TaskLoaders
from activities.tasks.api.task import Task
from chassis.api.context import Info
from chassis.api.problems import UserError, answers
from chassis.api.rights import right
from chassis.policy.scope import Scope

# Before the first field that uses it: a field knows an enum by the name it was registered with.
strawberry.enum(
    Channel,
    name="FollowUpChannel",
    description="The channel of a contact: CALL, EMAIL, VISIT, WECHAT, MEETING, or OTHER.",
)


@strawberry.federation.type(
    keys=["id"],
    description="One contact with a customer: what was discussed, and the next step.",
)
class FollowUp(Activity):
    """A follow-up as a timeline entry."""

    version: int = strawberry.field(description=VERSION)
    channel: Channel = strawberry.field(description="The channel of the contact.")
    next_step: str | None = strawberry.field(description="The next step; null where none is set.")
    next_due_at: datetime | None = strawberry.field(description="When the next step is due.")
    author: User | None = strawberry.field(
        description="The user who contacted the customer and logged this."
    )
    created_at: datetime = strawberry.field(description="When it was logged.")
    updated_at: datetime = strawberry.field(description="When it was last edited.")

    @strawberry.field(
        description="The task made from the next step; null where the next step has no due time.",
        metadata=right("Task"),
    )
    async def task(self, info: Info) -> Task | None:
        """Return the task of the next step."""
        key = FollowUpId(uuid(self.id, "id"))
        row = await info.context.loaders_of(TaskLoaders).task_of_follow_up.load(key)
        return Task.of(row) if row else None

    @classmethod
    async def resolve_reference(cls, info: Info, id: strawberry.ID) -> FollowUp | None:
        """Return the follow-up of this id, or `None` where the caller may not see one."""
        loaders = info.context.loaders_of(FollowUpLoaders)
        row = await loaders.follow_up.load(FollowUpId(uuid(id, "id")))
        return cls.of(row) if row else None

    @classmethod
    def of(cls, row: FollowUpRow) -> FollowUp:
        """Return the GraphQL object of a row."""
        author = User.of(row.author)
        return cls(
            id=strawberry.ID(str(row.id)),
            occurred_at=row.occurred_at,
            summary=row.summary,
            actor=author,
            customer=Customer.of(row.customer),
            version=row.version,
            channel=row.channel,
            next_step=row.next_step,
            next_due_at=row.next_due_at,
            author=author,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


@strawberry.type(description="The follow-up after a change, or why the change was refused.")
class FollowUpPayload:
    """The answer of a follow-up mutation."""

    follow_up: FollowUp | None = strawberry.field(
        default=None, description="The follow-up after the change."
    )
    errors: list[UserError] = strawberry.field(default_factory=list, description=ERRORS)


@strawberry.input
class FollowUpWords:
    """What a user writes about one contact; both inputs below inherit it."""

    channel: Channel = strawberry.field(description="The channel of the contact.")
    summary: str = strawberry.field(
        description=f"What was discussed, 1 to {LONGEST_SUMMARY} characters."
    )
    occurred_at: datetime | None = strawberry.field(
        default=None, description="When the contact took place, with a time zone. Left out: now."
    )
    next_step: str | None = strawberry.field(
        default=None, description=f"The next step, at most {LONGEST_NEXT_STEP} characters."
    )
    next_due_at: datetime | None = strawberry.field(
        default=None,
        description="When the next step is due; with it, the next step becomes a task of the "
        "author.",
    )
    idempotency_key: str | None = strawberry.field(default=None, description=IDEMPOTENCY_KEY)

    def request(self) -> FollowUpRequest:
        """Return the values as the commands take them, not yet checked."""
        return FollowUpRequest(
            self.channel, self.summary, self.occurred_at, self.next_step, self.next_due_at
        )


@strawberry.input(description="A follow-up to log.")
class LogFollowUpInput(FollowUpWords):
    """The values of a new follow-up."""

    customer_id: strawberry.ID = strawberry.field(
        description="The id of the customer who was contacted."
    )


@strawberry.input(description="The new content of one of your follow-ups; it replaces the old.")
class EditFollowUpInput(FollowUpWords):
    """The new values of a follow-up."""

    id: strawberry.ID = strawberry.field(description="The follow-up's id.")
    expected_version: int = strawberry.field(
        description="The version you read; the change is refused with CONFLICT if the present "
        "version is another."
    )


@strawberry.type
class FollowUpQuery:
    """The queries of follow-ups."""

    @strawberry.field(
        description="The follow-up of an id; null where you may not see it.",
        metadata=right("FollowUp"),
    )
    async def follow_up(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The follow-up's id.")],
    ) -> FollowUp | None:
        """Return one follow-up."""
        return await FollowUp.resolve_reference(info, id)


@strawberry.type
class FollowUpMutation:
    """The mutations of follow-ups."""

    @strawberry.mutation(
        description="Log a contact with a customer. A next step with a due time becomes a task "
        "assigned to you.",
        metadata=right("FollowUp", "create"),
    )
    @answers(FollowUpPayload)
    async def log_follow_up(
        self,
        info: Info,
        input: Annotated[LogFollowUpInput, strawberry.argument(description="The follow-up.")],
    ) -> FollowUpPayload:
        """Log a follow-up."""
        context = info.context
        scope = context.scope("FollowUp", "create")
        id = await context.write(
            commands.log_follow_up,
            scope,
            CustomerId(uuid(input.customer_id, "customerId")),
            input.request(),
            datetime.now(UTC),
            input.idempotency_key,
        )
        return await _payload(info, scope, id)

    @strawberry.mutation(
        description="Edit a follow-up of your own; its task is changed with it while it is not "
        "done.",
        metadata=right("FollowUp", "create"),
    )
    @answers(FollowUpPayload)
    async def edit_follow_up(
        self,
        info: Info,
        input: Annotated[
            EditFollowUpInput, strawberry.argument(description="The follow-up's new content.")
        ],
    ) -> FollowUpPayload:
        """Edit a follow-up of the caller."""
        context, id = info.context, FollowUpId(uuid(input.id, "id"))
        scope = context.scope("FollowUp", "create")
        await context.write(
            commands.edit_follow_up,
            scope,
            id,
            input.request(),
            input.expected_version,
            datetime.now(UTC),
            input.idempotency_key,
        )
        return await _payload(info, scope, id)


async def _payload(info: Info, scope: Scope, id: FollowUpId) -> FollowUpPayload:
    [row] = await info.context.read(store.by_ids, scope, [id])
    return FollowUpPayload(follow_up=FollowUp.of(row) if row else None)
