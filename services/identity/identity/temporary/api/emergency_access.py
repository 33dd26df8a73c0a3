"""Emergency access to one customer: at once, for a short time, and reviewed by somebody else."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry.federation.schema_directives import Key
from strawberry.federation.types import FieldSet

from chassis.api.context import Info
from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect
from chassis.api.problems import UserError, answers
from chassis.api.rights import right
from identity.core.api.arguments import IdempotencyKey
from identity.core.api.ids import maybe_uuid, uuid
from identity.core.domain.ids import EmergencyAccessId, UserId
from identity.people.api.types import User, user_of
from identity.temporary.commands import emergency_access as commands
from identity.temporary.domain.emergency_access import (
    DEFAULT_MINUTES,
    LONGEST_TEXT,
    MOST_MINUTES,
    Verdict,
)
from identity.temporary.store import emergency_access as store
from identity.temporary.store.emergency_access import EmergencyRow

strawberry.enum(
    Verdict,
    name="EmergencyVerdict",
    description="What somebody else thinks of it: JUSTIFIED, or OBJECTED, with words.",
)
Id = Annotated[strawberry.ID, strawberry.argument(description="The emergency access's id.")]


@strawberry.federation.type(
    keys=[Key(fields=FieldSet("id"), resolvable=False)],
    description="A customer; everything about it is in customers.",
)
class Customer:
    id: strawberry.ID = strawberry.federation.field(description="The customer's id.")


@strawberry.type(
    description="Somebody reaches one customer for a short time, for a reason. What they may do "
    "there is said by rules with the rows `emergency`."
)
class EmergencyAccess:
    id: strawberry.ID = strawberry.field(description="Its id.")
    customer: Customer = strawberry.field(description="To which customer.")
    reason: str = strawberry.field(description="Why it was taken.")
    taken_at: datetime = strawberry.field(description="When it was taken.")
    until: datetime = strawberry.field(description="When it ends by itself.")
    ended_at: datetime | None = strawberry.field(description="When somebody ended it before.")
    open: bool = strawberry.field(description="Whether it is in force now.")
    verdict: Verdict | None = strawberry.field(
        description="What a reviewer thinks; null: nobody has reviewed it."
    )
    note: str = strawberry.field(description="What the reviewer says.")
    reviewed_at: datetime | None = strawberry.field(description="When it was reviewed.")
    row: strawberry.Private[EmergencyRow]

    @strawberry.field(description="Who took it.", metadata=right("User"))
    async def user(self, info: Info) -> User | None:
        return await user_of(info, self.row.user)

    @strawberry.field(description="Who reviewed it.", metadata=right("User"))
    async def reviewed_by(self, info: Info) -> User | None:
        return await user_of(info, self.row.reviewed_by)

    @classmethod
    def of(cls, row: EmergencyRow) -> EmergencyAccess:
        return cls(
            id=strawberry.ID(str(row.id)),
            customer=Customer(id=strawberry.ID(str(row.customer))),
            reason=row.reason,
            taken_at=row.taken_at,
            until=row.until,
            ended_at=row.ended_at,
            open=row.open,
            verdict=row.verdict,
            note=row.note,
            reviewed_at=row.reviewed_at,
            row=row,
        )


@strawberry.input(description="Which ones a list is about; what is left out does not matter.")
class EmergencyAccessFilter:
    user_id: strawberry.ID | None = strawberry.field(
        default=None, description="Only those of this user."
    )
    customer_id: strawberry.ID | None = strawberry.field(
        default=None, description="Only those to this customer."
    )
    open_only: bool = strawberry.field(default=False, description="Only those in force now.")
    unreviewed_only: bool = strawberry.field(
        default=False, description="Only those that nobody has reviewed."
    )

    def wanted(self) -> store.Filter:
        user = maybe_uuid(self.user_id, "filter.userId")
        return store.Filter(
            user=UserId(user) if user else None,
            customer=maybe_uuid(self.customer_id, "filter.customerId"),
            open_only=self.open_only,
            unreviewed_only=self.unreviewed_only,
        )


@strawberry.type(description="The emergency access after the change, or why there was none.")
class EmergencyAccessPayload:
    emergency_access: EmergencyAccess | None = strawberry.field(
        default=None, description="As it is now."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was done; empty if it was."
    )


@strawberry.type
class EmergencyAccessQuery:
    @strawberry.field(
        description="Emergency accesses, the latest first: your own, or all if you review them.",
        metadata=right("EmergencyAccess"),
    )
    async def emergency_accesses(
        self,
        info: Info,
        filter: Annotated[
            EmergencyAccessFilter | None, strawberry.argument(description="Which; null: all.")
        ] = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[EmergencyAccess]:
        ctx, wanted = info.context, filter.wanted() if filter else store.Filter()
        scope = ctx.scope("EmergencyAccess")
        found = await ctx.read(store.listed, scope, wanted, Window(first, after))
        return connect(found, EmergencyAccess.of)  # type: ignore[no-any-return]  # as asked


@strawberry.type
class EmergencyAccessMutation:
    @strawberry.mutation(
        description="Reach one customer at once, for a short time. It takes effect within one "
        "second, is written down with the reason, and somebody else reviews it afterwards.",
        metadata=right("EmergencyAccess", "create"),
    )
    @answers(EmergencyAccessPayload)
    async def take_emergency_access(
        self,
        info: Info,
        customer_id: Annotated[
            strawberry.ID, strawberry.argument(description="The customer's present id.")
        ],
        reason: Annotated[
            str, strawberry.argument(description=f"Why, 1 to {LONGEST_TEXT} characters.")
        ],
        minutes: Annotated[
            int, strawberry.argument(description=f"For how long, 1 to {MOST_MINUTES} minutes.")
        ] = DEFAULT_MINUTES,
        idempotency_key: IdempotencyKey = None,
    ) -> EmergencyAccessPayload:
        ctx, customer = info.context, uuid(customer_id, "customerId")
        scope = ctx.scope("EmergencyAccess", "create")
        return await _answer(
            info, await ctx.write(commands.take, scope, customer, reason, minutes, idempotency_key)
        )

    @strawberry.mutation(
        description="End emergency access before its time: one's own, or one that one looks after.",
        metadata=right("EmergencyAccess", "update"),
    )
    @answers(EmergencyAccessPayload)
    async def end_emergency_access(self, info: Info, id: Id) -> EmergencyAccessPayload:
        ctx, wanted = info.context, EmergencyAccessId(uuid(id, "id"))
        scope = ctx.scope("EmergencyAccess", "update")
        return await _answer(info, await ctx.write(commands.end, scope, wanted))

    @strawberry.mutation(
        description="Say afterwards whether emergency access was justified. Once, and never by "
        "who took it.",
        metadata=right("EmergencyAccess", "review"),
    )
    @answers(EmergencyAccessPayload)
    async def review_emergency_access(
        self,
        info: Info,
        id: Id,
        verdict: Annotated[Verdict, strawberry.argument(description="What you think of it.")],
        note: Annotated[
            str, strawberry.argument(description="In words; an objection needs some.")
        ] = "",
    ) -> EmergencyAccessPayload:
        ctx, wanted = info.context, EmergencyAccessId(uuid(id, "id"))
        scope = ctx.scope("EmergencyAccess", "review")
        return await _answer(info, await ctx.write(commands.review, scope, wanted, verdict, note))


async def _answer(info: Info, id: EmergencyAccessId) -> EmergencyAccessPayload:
    if not info.context.may("EmergencyAccess"):
        return EmergencyAccessPayload()
    found = await info.context.read(store.by_id, info.context.scope("EmergencyAccess"), id)
    return EmergencyAccessPayload(emergency_access=EmergencyAccess.of(found) if found else None)
