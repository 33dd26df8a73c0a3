"""Delegations: while a user is away a colleague does their work with their rights."""

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
    "a user ended it early.",
)


@strawberry.type(
    description="The taker does the work of the giver for a while. The taker may do with customers "
    "what the giver may at that very moment: never more, nothing that others delegated to the "
    "giver, and nothing about users, roles or rules. The audit ledger names the giver with "
    "everything that is done by a delegation."
)
class Delegation:
    """A delegation, in the eyes of a user who may see it."""

    id: strawberry.ID = strawberry.field(description="The delegation's id.")
    since: datetime = strawberry.field(description="When it begins.")
    until: datetime = strawberry.field(description="When it ends by itself.")
    ended_at: datetime | None = strawberry.field(
        description="When a user ended it early; null: not ended early."
    )
    state: DelegationState = strawberry.field(description="Whether it is planned, active or over.")
    roles: list[str] | None = strawberry.field(
        description="Limited to what these roles of the giver permit; null: all rights."
    )
    customer_ids: list[strawberry.ID] | None = strawberry.field(
        description="Limited to these customers; null: all that the giver reaches."
    )
    note: str = strawberry.field(description="The reason, in words.")
    created_at: datetime = strawberry.field(description="When it was created.")
    row: strawberry.Private[DelegationRow]

    @strawberry.field(description="The user whose work it is.", metadata=right("User"))
    async def giver(self, info: Info) -> User | None:
        """Return the giver as far as the caller may see them."""
        return await user_of(info, self.row.giver)

    @strawberry.field(description="The user who does the work.", metadata=right("User"))
    async def taker(self, info: Info) -> User | None:
        """Return the taker as far as the caller may see them."""
        return await user_of(info, self.row.taker)

    @strawberry.field(description="The user who created it.", metadata=right("User"))
    async def created_by(self, info: Info) -> User | None:
        """Return the creator as far as the caller may see them."""
        return await user_of(info, self.row.created_by)

    @classmethod
    def of(cls, row: DelegationRow) -> Delegation:
        """Convert a row to the GraphQL type."""
        customers = row.customers
        return cls(
            id=strawberry.ID(str(row.id)),
            since=row.since,
            until=row.until,
            ended_at=row.ended_at,
            state=row.state,
            roles=None if row.roles is None else list(row.roles),
            customer_ids=None
            if customers is None
            else [strawberry.ID(str(id)) for id in customers],
            note=row.note,
            created_at=row.created_at,
            row=row,
        )


@strawberry.input(description="Filter of delegations; a field that is left out sets no condition.")
class DelegationFilter:
    """Conditions that all must hold."""

    giver_id: strawberry.ID | None = strawberry.field(
        default=None, description="Filter by the user whose work it is."
    )
    taker_id: strawberry.ID | None = strawberry.field(
        default=None, description="Filter by the user who does the work."
    )
    open_only: bool = strawberry.field(
        default=False, description="true: only delegations that are planned or active."
    )

    def conditions(self) -> store.Filter:
        """Return the filter with checked ids. Raises `BadInput`."""
        giver = maybe_uuid(self.giver_id, "filter.giverId")
        taker = maybe_uuid(self.taker_id, "filter.takerId")
        return store.Filter(
            giver=UserId(giver) if giver else None,
            taker=UserId(taker) if taker else None,
            open_only=self.open_only,
        )


@strawberry.input(description="A delegation to create.")
class DelegateInput:
    """Whose work goes to whom, how long, and how much of it."""

    taker_id: strawberry.ID = strawberry.field(description="The user who does the work.")
    until: datetime = strawberry.field(
        description="When it ends, at most 366 days after it begins."
    )
    giver_id: strawberry.ID | None = strawberry.field(
        default=None, description="The user whose work it is; left out: you."
    )
    since: datetime | None = strawberry.field(
        default=None, description="When it begins; left out: now."
    )
    roles: list[str] | None = strawberry.field(
        default=None,
        description="Limit it to what these roles of the giver permit; left out: all rights.",
    )
    customer_ids: list[strawberry.ID] | None = strawberry.field(
        default=None,
        description=f"Limit it to these customers, at most {MOST_CUSTOMERS}; left out: all that "
        "the giver reaches.",
    )
    note: str = strawberry.field(default="", description="The reason, at most 500 characters.")

    def draft(self, me: UserId) -> Draft:
        """Return the draft with checked ids; the giver is `me` if left out. Raises `BadInput`."""
        giver = maybe_uuid(self.giver_id, "giverId")
        customers = self.customer_ids
        return Draft(
            giver=UserId(giver) if giver else me,
            taker=UserId(uuid(self.taker_id, "takerId")),
            since=self.since,
            until=self.until,
            roles=None if self.roles is None else tuple(self.roles),
            customers=None
            if customers is None
            else tuple(uuid(id, "customerIds") for id in customers),
            note=self.note,
        )


@strawberry.type(description="The delegation after the change, or the errors that prevented it.")
class DelegationPayload:
    """The answer of every mutation of delegations."""

    delegation: Delegation | None = strawberry.field(
        default=None, description="The delegation as it is now."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was changed; empty after success."
    )


@strawberry.type
class DelegationQuery:
    """Queries of delegations."""

    @strawberry.field(
        description="Delegations that you gave, took or administer, the latest first.",
        metadata=right("Delegation"),
    )
    async def delegations(
        self,
        info: Info,
        filter: Annotated[
            DelegationFilter | None, strawberry.argument(description="Filter; null: all.")
        ] = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[Delegation]:
        """Return one page of delegations."""
        ctx, conditions = info.context, filter.conditions() if filter else store.Filter()
        scope = ctx.scope("Delegation")
        page = await ctx.read(store.listed, scope, conditions, Window(first, after))
        return connect(page, Delegation.of)  # type: ignore[no-any-return]  # connect returns Any


@strawberry.type
class DelegationMutation:
    """Mutations of delegations."""

    @strawberry.mutation(
        description="Delegate your work to a colleague for a while, or the work of another user if "
        "you administer delegations.",
        metadata=right("Delegation", "create"),
    )
    @answers(DelegationPayload)
    async def delegate(
        self,
        info: Info,
        input: Annotated[
            DelegateInput, strawberry.argument(description="The delegation to create.")
        ],
        idempotency_key: IdempotencyKey = None,
    ) -> DelegationPayload:
        """Create a delegation."""
        ctx = info.context
        draft = input.draft(UserId(ctx.actor.user_id))
        scope = ctx.scope("Delegation", "create")
        return await _answer(
            info, await ctx.write(commands.delegate, scope, draft, idempotency_key)
        )

    @strawberry.mutation(
        description="End a delegation now: one that you gave, took or administer.",
        metadata=right("Delegation", "update"),
    )
    @answers(DelegationPayload)
    async def end_delegation(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The delegation's id.")],
    ) -> DelegationPayload:
        """End a delegation before its time."""
        ctx, delegation_id = info.context, DelegationId(uuid(id, "id"))
        scope = ctx.scope("Delegation", "update")
        return await _answer(info, await ctx.write(commands.end_delegation, scope, delegation_id))


async def _answer(info: Info, id: DelegationId) -> DelegationPayload:
    if not info.context.may("Delegation"):
        return DelegationPayload()
    row = await info.context.read(store.grants.by_id, info.context.scope("Delegation"), id)
    return DelegationPayload(delegation=Delegation.of(row) if row else None)
