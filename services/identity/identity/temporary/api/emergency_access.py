"""Emergency access to one customer: at once, for a short time, and reviewed by another user."""

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
    description="JUSTIFIED: the reviewer accepts the reason. OBJECTED: the reviewer does not, and "
    "the note says why.",
)
Id = Annotated[strawberry.ID, strawberry.argument(description="The emergency access's id.")]


@strawberry.federation.type(
    keys=[Key(fields=FieldSet("id"), resolvable=False)],
    description="A customer; everything about it is in customers.",
)
class Customer:
    """A reference to a customer, which another service resolves."""

    id: strawberry.ID = strawberry.federation.field(description="The customer's id.")


@strawberry.type(
    description="A user reaches one customer for a short time, for a reason. Rules with the rows "
    "`emergency` decide what the user may do there."
)
class EmergencyAccess:
    """An emergency access, in the eyes of a user who may see it."""

    id: strawberry.ID = strawberry.field(description="The emergency access's id.")
    customer: Customer = strawberry.field(description="The customer that it opens.")
    reason: str = strawberry.field(description="The reason it was taken for.")
    taken_at: datetime = strawberry.field(description="When it was taken.")
    until: datetime = strawberry.field(description="When it ends by itself.")
    ended_at: datetime | None = strawberry.field(
        description="When a user ended it early; null: not ended early."
    )
    open: bool = strawberry.field(description="Whether it is in force now.")
    verdict: Verdict | None = strawberry.field(
        description="The verdict of the reviewer; null: not reviewed yet."
    )
    note: str = strawberry.field(description="The note of the reviewer.")
    reviewed_at: datetime | None = strawberry.field(description="When it was reviewed.")
    row: strawberry.Private[EmergencyRow]

    @strawberry.field(description="The user who took it.", metadata=right("User"))
    async def user(self, info: Info) -> User | None:
        """Return the user as far as the caller may see them."""
        return await user_of(info, self.row.user)

    @strawberry.field(description="The user who reviewed it.", metadata=right("User"))
    async def reviewed_by(self, info: Info) -> User | None:
        """Return the reviewer as far as the caller may see them."""
        return await user_of(info, self.row.reviewed_by)

    @classmethod
    def of(cls, row: EmergencyRow) -> EmergencyAccess:
        """Convert a row to the GraphQL type."""
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


@strawberry.input(
    description="Filter of emergency accesses; a field that is left out sets no condition."
)
class EmergencyAccessFilter:
    """Conditions that all must hold."""

    user_id: strawberry.ID | None = strawberry.field(
        default=None, description="Filter by the user who took it."
    )
    customer_id: strawberry.ID | None = strawberry.field(
        default=None, description="Filter by the customer."
    )
    open_only: bool = strawberry.field(default=False, description="true: only those in force now.")
    unreviewed_only: bool = strawberry.field(
        default=False, description="true: only those that are not reviewed yet."
    )

    def conditions(self) -> store.Filter:
        """Return the filter with checked ids. Raises `BadInput`."""
        user = maybe_uuid(self.user_id, "filter.userId")
        return store.Filter(
            user=UserId(user) if user else None,
            customer=maybe_uuid(self.customer_id, "filter.customerId"),
            open_only=self.open_only,
            unreviewed_only=self.unreviewed_only,
        )


@strawberry.type(
    description="The emergency access after the change, or the errors that prevented it."
)
class EmergencyAccessPayload:
    """The answer of every mutation of emergency accesses."""

    emergency_access: EmergencyAccess | None = strawberry.field(
        default=None, description="The emergency access as it is now."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was changed; empty after success."
    )


@strawberry.type
class EmergencyAccessQuery:
    """Queries of emergency accesses."""

    @strawberry.field(
        description="Emergency accesses, the latest first: your own, or all if you review them.",
        metadata=right("EmergencyAccess"),
    )
    async def emergency_accesses(
        self,
        info: Info,
        filter: Annotated[
            EmergencyAccessFilter | None, strawberry.argument(description="Filter; null: all.")
        ] = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[EmergencyAccess]:
        """Return one page of emergency accesses."""
        ctx, conditions = info.context, filter.conditions() if filter else store.Filter()
        scope = ctx.scope("EmergencyAccess")
        page = await ctx.read(store.listed, scope, conditions, Window(first, after))
        return connect(page, EmergencyAccess.of)  # type: ignore[no-any-return]  # connect returns Any


@strawberry.type
class EmergencyAccessMutation:
    """Mutations of emergency accesses."""

    @strawberry.mutation(
        description="Take access to one customer at once, for a short time. It takes effect within "
        "one second, is recorded with the reason, and another user reviews it afterwards.",
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
            str, strawberry.argument(description=f"The reason, 1 to {LONGEST_TEXT} characters.")
        ],
        minutes: Annotated[
            int, strawberry.argument(description=f"The duration, 1 to {MOST_MINUTES} minutes.")
        ] = DEFAULT_MINUTES,
        idempotency_key: IdempotencyKey = None,
    ) -> EmergencyAccessPayload:
        """Take emergency access to one customer."""
        ctx, customer = info.context, uuid(customer_id, "customerId")
        scope = ctx.scope("EmergencyAccess", "create")
        id = await ctx.write(
            commands.take_emergency_access, scope, customer, reason, minutes, idempotency_key
        )
        return await _answer(info, id)

    @strawberry.mutation(
        description="End an emergency access before its time: your own, or one that you "
        "administer.",
        metadata=right("EmergencyAccess", "update"),
    )
    @answers(EmergencyAccessPayload)
    async def end_emergency_access(self, info: Info, id: Id) -> EmergencyAccessPayload:
        """End an emergency access before its time."""
        ctx, access_id = info.context, EmergencyAccessId(uuid(id, "id"))
        scope = ctx.scope("EmergencyAccess", "update")
        return await _answer(info, await ctx.write(commands.end_emergency_access, scope, access_id))

    @strawberry.mutation(
        description="Decide afterwards whether an emergency access was justified. It is reviewed "
        "once, and not by the user who took it.",
        metadata=right("EmergencyAccess", "review"),
    )
    @answers(EmergencyAccessPayload)
    async def review_emergency_access(
        self,
        info: Info,
        id: Id,
        verdict: Annotated[Verdict, strawberry.argument(description="Your verdict.")],
        note: Annotated[
            str, strawberry.argument(description="Your note; required for OBJECTED.")
        ] = "",
    ) -> EmergencyAccessPayload:
        """Store the caller's verdict about an emergency access."""
        ctx, access_id = info.context, EmergencyAccessId(uuid(id, "id"))
        scope = ctx.scope("EmergencyAccess", "review")
        await ctx.write(commands.review_emergency_access, scope, access_id, verdict, note)
        return await _answer(info, access_id)


async def _answer(info: Info, id: EmergencyAccessId) -> EmergencyAccessPayload:
    if not info.context.may("EmergencyAccess"):
        return EmergencyAccessPayload()
    row = await info.context.read(store.grants.by_id, info.context.scope("EmergencyAccess"), id)
    return EmergencyAccessPayload(emergency_access=EmergencyAccess.of(row) if row else None)
