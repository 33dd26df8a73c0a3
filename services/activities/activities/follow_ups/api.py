"""Follow-ups: writing one down, and putting one's own right."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import strawberry

from activities.core.api.enums import Channel
from activities.core.api.ids import uuid
from activities.core.api.user import User
from activities.core.domain.ids import CustomerId, FollowUpId
from activities.customers.api import Customer
from activities.follow_ups import commands, store
from activities.follow_ups.commands import Words
from activities.follow_ups.domain import LONGEST_NEXT_STEP, LONGEST_SUMMARY
from activities.follow_ups.store import FollowUpRow
from activities.tasks.api.task import Task
from activities.timeline.api import ActivitiesInfo, Activity
from chassis.api.problems import UserError, answers
from chassis.api.rights import right
from chassis.policy.guard import Scope


@strawberry.federation.type(
    keys=["id"], description="One touch with a customer: what was said, and what comes next."
)
class FollowUp(Activity):
    version: int = strawberry.field(description="Grows with every change; give it back on writes.")
    channel: Channel = strawberry.field(description="How the customer was met.")
    next_step: str | None = strawberry.field(description="What comes next.")
    next_due_at: datetime | None = strawberry.field(description="By when the next step is due.")
    author: User | None = strawberry.field(description="Who met the customer and wrote this.")
    created_at: datetime = strawberry.field(description="When it was written down.")
    updated_at: datetime = strawberry.field(description="When it was last put right.")

    @strawberry.field(
        description="The task that the next step became, where it has a due time.",
        metadata=right("Task"),
    )
    async def task(self, info: ActivitiesInfo) -> Task | None:
        key = FollowUpId(uuid(self.id, "id"))
        found = await info.context.loaders.tasks_of_follow_ups.load(key)
        return Task.of(found) if found else None

    @classmethod
    async def resolve_reference(cls, info: ActivitiesInfo, id: strawberry.ID) -> FollowUp | None:
        found = await info.context.loaders.follow_ups.load(FollowUpId(uuid(id, "id")))
        return cls.of(found) if found else None

    @classmethod
    def of(cls, row: FollowUpRow) -> FollowUp:
        author = User(id=strawberry.ID(str(row.author)))
        return cls(
            id=strawberry.ID(str(row.id)),
            occurred_at=row.occurred_at,
            summary=row.summary,
            actor=author,
            customer=Customer(id=strawberry.ID(str(row.customer))),
            version=row.version,
            channel=row.channel,
            next_step=row.next_step,
            next_due_at=row.next_due_at,
            author=author,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


@strawberry.type(description="The follow-up after a write, or why it was refused.")
class FollowUpPayload:
    follow_up: FollowUp | None = strawberry.field(
        default=None, description="The follow-up as it is now."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was done; empty: it was done."
    )


@strawberry.input(description="What a person writes about one touch with a customer.")
class FollowUpWords:
    channel: Channel = strawberry.field(description="How the customer was met.")
    summary: str = strawberry.field(
        description=f"What was said, 1 to {LONGEST_SUMMARY} characters."
    )
    occurred_at: datetime | None = strawberry.field(
        default=None, description="When it was, with a time zone; left out: now."
    )
    next_step: str | None = strawberry.field(
        default=None, description=f"What comes next, at most {LONGEST_NEXT_STEP} characters."
    )
    next_due_at: datetime | None = strawberry.field(
        default=None,
        description="By when; with it, the next step becomes a task of the author.",
    )
    idempotency_key: str | None = strawberry.field(
        default=None, description="Sent again with the same key, it is not done again (7 days)."
    )

    def words(self) -> Words:
        return Words(
            self.channel,
            self.summary,
            self.occurred_at,
            self.next_step,
            self.next_due_at,
        )


@strawberry.input(description="A follow-up to write down.")
class LogFollowUpInput(FollowUpWords):
    customer_id: strawberry.ID = strawberry.field(description="With which customer.")


@strawberry.input(description="What is to stand in the place of a follow-up of your own.")
class EditFollowUpInput(FollowUpWords):
    id: strawberry.ID = strawberry.field(description="The follow-up's id.")
    expected_version: int = strawberry.field(
        description="The version you have read; another one is a CONFLICT."
    )


@strawberry.type
class FollowUpQuery:
    @strawberry.field(description="One follow-up.", metadata=right("FollowUp"))
    async def follow_up(
        self,
        info: ActivitiesInfo,
        id: Annotated[strawberry.ID, strawberry.argument(description="The follow-up's id.")],
    ) -> FollowUp | None:
        return await FollowUp.resolve_reference(info, id)


@strawberry.type
class FollowUpMutation:
    @strawberry.mutation(
        description="Write down that a customer was met. A next step with a due time becomes a "
        "task of yours.",
        metadata=right("FollowUp", "create"),
    )
    @answers(FollowUpPayload)
    async def log_follow_up(
        self,
        info: ActivitiesInfo,
        input: Annotated[LogFollowUpInput, strawberry.argument(description="The follow-up.")],
    ) -> FollowUpPayload:
        ctx = info.context
        scope = ctx.scope("FollowUp", "create")
        id = await ctx.write(
            commands.log_follow_up,
            scope,
            CustomerId(uuid(input.customer_id, "customerId")),
            input.words(),
            datetime.now(UTC),
            input.idempotency_key,
        )
        return await _payload(info, scope, id)

    @strawberry.mutation(
        description="Put a follow-up of your own right; its open task follows.",
        metadata=right("FollowUp", "create"),
    )
    @answers(FollowUpPayload)
    async def edit_follow_up(
        self,
        info: ActivitiesInfo,
        input: Annotated[EditFollowUpInput, strawberry.argument(description="What it says now.")],
    ) -> FollowUpPayload:
        ctx, id = info.context, FollowUpId(uuid(input.id, "id"))
        scope = ctx.scope("FollowUp", "create")
        await ctx.write(
            commands.edit_follow_up,
            scope,
            id,
            input.words(),
            input.expected_version,
            datetime.now(UTC),
            input.idempotency_key,
        )
        return await _payload(info, scope, id)


async def _payload(info: ActivitiesInfo, scope: Scope, id: FollowUpId) -> FollowUpPayload:
    [found] = await info.context.read(store.by_ids, scope, [id])
    return FollowUpPayload(follow_up=FollowUp.of(found) if found else None)
