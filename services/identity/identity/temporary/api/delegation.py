"""Delegations: while one is away somebody else does one's work, with one's rights and no others."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry

from chassis.api.context import Info
from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect
from chassis.api.problems import UserError, answers
from chassis.api.rights import right
from identity.core.api.arguments import IdempotencyKey
from identity.core.api.ids import maybe_uuid, uuid
from identity.core.domain.ids import DelegationId, UserId
from identity.people.api.types import User, user_of
from identity.temporary.commands import delegation as commands
from identity.temporary.domain.delegation import MOST_CUSTOMERS, DelegationState, Draft
from identity.temporary.store import delegation as store
from identity.temporary.store.delegation import DelegationRow

strawberry.enum(
    DelegationState,
    description="PLANNED: it begins later. ACTIVE: in force now. OVER: its time is over, or "
    "somebody ended it.",
)


@strawberry.type(
    description="Somebody does somebody else's work for a while. They may do with customers what "
    "the giver may, as the giver may at that very moment: never more, nothing that others handed "
    "to the giver, and nothing about users, roles or rules. What they do by it says for whom."
)
class Delegation:
    id: strawberry.ID = strawberry.field(description="The delegation's id.")
    since: datetime = strawberry.field(description="When it begins.")
    until: datetime = strawberry.field(description="When it ends by itself.")
    ended_at: datetime | None = strawberry.field(description="When somebody ended it before.")
    state: DelegationState = strawberry.field(description="Where it stands in time.")
    roles: list[str] | None = strawberry.field(
        description="Only what these roles of the giver permit; null: all rights."
    )
    customer_ids: list[strawberry.ID] | None = strawberry.field(
        description="Only these customers; null: all that the giver reaches."
    )
    note: str = strawberry.field(description="Why, in words.")
    created_at: datetime = strawberry.field(description="When it was written down.")
    row: strawberry.Private[DelegationRow]

    @strawberry.field(description="Whose work it is.", metadata=right("User"))
    async def giver(self, info: Info) -> User | None:
        return await user_of(info, self.row.giver)

    @strawberry.field(description="Who does it.", metadata=right("User"))
    async def taker(self, info: Info) -> User | None:
        return await user_of(info, self.row.taker)

    @strawberry.field(description="Who wrote it down.", metadata=right("User"))
    async def created_by(self, info: Info) -> User | None:
        return await user_of(info, self.row.created_by)

    @classmethod
    def of(cls, row: DelegationRow) -> Delegation:
        customers = row.customers
        return cls(
            id=strawberry.ID(str(row.id)),
            since=row.since,
            until=row.until,
            ended_at=row.ended_at,
            state=row.state,
            roles=None if row.roles is None else list(row.roles),
            customer_ids=None if customers is None else [strawberry.ID(str(c)) for c in customers],
            note=row.note,
            created_at=row.created_at,
            row=row,
        )


@strawberry.input(
    description="Which delegations a list is about; what is left out does not matter."
)
class DelegationFilter:
    giver_id: strawberry.ID | None = strawberry.field(
        default=None, description="Only those of this user's work."
    )
    taker_id: strawberry.ID | None = strawberry.field(
        default=None, description="Only those to this user."
    )
    open_only: bool = strawberry.field(
        default=False, description="Only those that are planned or active."
    )

    def wanted(self) -> store.Filter:
        giver = maybe_uuid(self.giver_id, "filter.giverId")
        taker = maybe_uuid(self.taker_id, "filter.takerId")
        return store.Filter(
            giver=UserId(giver) if giver else None,
            taker=UserId(taker) if taker else None,
            open_only=self.open_only,
        )


@strawberry.input(description="A delegation to be.")
class DelegateInput:
    taker_id: strawberry.ID = strawberry.field(description="Who does the work.")
    until: datetime = strawberry.field(description="When it ends, at most 366 days away.")
    giver_id: strawberry.ID | None = strawberry.field(
        default=None, description="Whose work it is; left out: yours."
    )
    since: datetime | None = strawberry.field(
        default=None, description="When it begins; left out: now."
    )
    roles: list[str] | None = strawberry.field(
        default=None, description="Only what these roles of the giver permit; left out: all rights."
    )
    customer_ids: list[strawberry.ID] | None = strawberry.field(
        default=None,
        description=f"Only these customers, at most {MOST_CUSTOMERS}; left out: all that the giver "
        "reaches.",
    )
    note: str = strawberry.field(default="", description="Why, at most 500 characters.")

    def wanted(self, me: UserId) -> Draft:
        giver = maybe_uuid(self.giver_id, "giverId")
        chosen = self.customer_ids
        return Draft(
            giver=UserId(giver) if giver else me,
            taker=UserId(uuid(self.taker_id, "takerId")),
            since=self.since,
            until=self.until,
            roles=None if self.roles is None else tuple(self.roles),
            customers=None if chosen is None else tuple(uuid(c, "customerIds") for c in chosen),
            note=self.note,
        )


@strawberry.type(description="The delegation after the change, or why there was none.")
class DelegationPayload:
    delegation: Delegation | None = strawberry.field(default=None, description="As it is now.")
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was done; empty if it was."
    )


@strawberry.type
class DelegationQuery:
    @strawberry.field(
        description="Delegations that you gave, took, or may look after; the latest first.",
        metadata=right("Delegation"),
    )
    async def delegations(
        self,
        info: Info,
        filter: Annotated[
            DelegationFilter | None, strawberry.argument(description="Which; null: all.")
        ] = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[Delegation]:
        ctx, wanted = info.context, filter.wanted() if filter else store.Filter()
        found = await ctx.read(store.listed, ctx.scope("Delegation"), wanted, Window(first, after))
        return connect(found, Delegation.of)  # type: ignore[no-any-return]  # the one asked for


@strawberry.type
class DelegationMutation:
    @strawberry.mutation(
        description="Hand your work to a colleague for a while, or somebody else's if you may.",
        metadata=right("Delegation", "create"),
    )
    @answers(DelegationPayload)
    async def delegate(
        self,
        info: Info,
        input: Annotated[DelegateInput, strawberry.argument(description="To whom, how long.")],
        idempotency_key: IdempotencyKey = None,
    ) -> DelegationPayload:
        ctx = info.context
        draft = input.wanted(UserId(ctx.actor.user_id))
        scope = ctx.scope("Delegation", "create")
        return await _answer(
            info, await ctx.write(commands.delegate, scope, draft, idempotency_key)
        )

    @strawberry.mutation(
        description="End a delegation now: one that you gave, took, or may look after.",
        metadata=right("Delegation", "update"),
    )
    @answers(DelegationPayload)
    async def end_delegation(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The delegation's id.")],
    ) -> DelegationPayload:
        ctx, wanted = info.context, DelegationId(uuid(id, "id"))
        scope = ctx.scope("Delegation", "update")
        return await _answer(info, await ctx.write(commands.end_delegation, scope, wanted))


async def _answer(info: Info, id: DelegationId) -> DelegationPayload:
    if not info.context.may("Delegation"):
        return DelegationPayload()
    found = await info.context.read(store.by_id, info.context.scope("Delegation"), id)
    return DelegationPayload(delegation=Delegation.of(found) if found else None)
