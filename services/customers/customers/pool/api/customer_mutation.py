"""What people do to a customer: enter, correct, pin, tag, assign, take from the pool, share."""

from __future__ import annotations

from dataclasses import fields as fields_of, replace
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import strawberry

from chassis.api.context import Info
from chassis.api.problems import UserError, answers
from chassis.api.rights import right
from customers.core.api.arguments import (
    CustomerId,
    ExpectedVersion,
    IdempotencyKey,
    write_with_retry,
)
from customers.core.api.enums import CustomerKind, Lifecycle
from customers.core.api.ids import uuid, uuids
from customers.pool.api.customer import Customer
from customers.pool.api.loaders import PoolLoaders
from customers.pool.api.protected import CREDIT_CODE, EMAIL, MOBILE
from customers.pool.commands import customer as commands, tag as tag_commands


@strawberry.input(description="Values a person knows; what is left out stays, null takes back.")
class CustomerSet:
    name: str | None = strawberry.field(
        default=strawberry.UNSET, description="1 to 300 characters."
    )
    english_name: str | None = strawberry.field(
        default=strawberry.UNSET, description="The name in Latin letters."
    )
    unified_social_credit_code: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="18 characters, the last one a check digit.",
        directives=[CREDIT_CODE],
    )
    phone: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="A mobile, a landline with its area code, or + and country code.",
        directives=[MOBILE],
    )
    email: str | None = strawberry.field(
        default=strawberry.UNSET, description="An e-mail address.", directives=[EMAIL]
    )
    website: str | None = strawberry.field(default=strawberry.UNSET, description="A web address.")
    industry: str | None = strawberry.field(
        default=strawberry.UNSET, description="At most 100 characters."
    )
    region: str | None = strawberry.field(
        default=strawberry.UNSET, description="At most 100 characters."
    )
    address: str | None = strawberry.field(
        default=strawberry.UNSET, description="At most 500 characters."
    )
    size: str | None = strawberry.field(
        default=strawberry.UNSET, description="At most 100 characters."
    )
    lifecycle: Lifecycle | None = strawberry.field(
        default=strawberry.UNSET, description="Where it stands."
    )
    note: str | None = strawberry.field(
        default=strawberry.UNSET, description="At most 2,000 characters."
    )

    def given(self) -> dict[str, str | None]:
        """The fields that were given, by the names the domain has for them."""
        found: dict[str, str | None] = {}
        for field in fields_of(self):
            value = getattr(self, field.name)
            if value is not strawberry.UNSET:
                found[field.name] = value.name if isinstance(value, Lifecycle) else value
        return found


@strawberry.type(description="The customer after a write, or why it was refused.")
class CustomerPayload:
    customer: Customer | None = strawberry.field(
        default=None, description="As it is now; null also where it may no longer be seen."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was done; empty: it was done."
    )


UserId = Annotated[strawberry.ID, strawberry.argument(description="The user's id.")]


@strawberry.type
class CustomerMutation:
    @strawberry.mutation(
        description="Enters a customer. One that a credit code, number or address shows to be in "
        "the pool already is refused with CONFLICT.",
        metadata=right("Customer", "create"),
    )
    @answers(CustomerPayload)
    async def create_customer(
        self,
        info: Info,
        kind: Annotated[CustomerKind, strawberry.argument(description="What it is.")],
        set: Annotated[CustomerSet, strawberry.argument(description="What is known; a name.")],
        owner_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="Who looks after it; left out: you; null: the pool."),
        ] = strawberry.UNSET,
        allow_duplicate: Annotated[
            bool,
            strawberry.argument(description="Enter it all the same; a steward is told of both."),
        ] = False,
        idempotency_key: IdempotencyKey = None,
    ) -> CustomerPayload:
        ctx = info.context
        owner = uuid(owner_id, "ownerId") if owner_id else None
        asked = commands.Creation(
            kind=kind.name,
            fields=set.given(),
            owner_id=ctx.actor.user_id if owner_id is strawberry.UNSET else owner,
            allow_duplicate=allow_duplicate,
            idempotency_key=idempotency_key,
        )
        scope = ctx.scope("Customer", "create")
        id = await write_with_retry(ctx, commands.create, scope, asked, ctx.policy)
        return await answered(info, id)

    @strawberry.mutation(
        description="Says what a person knows better, as claims of the source `manual`. Whether "
        "they are shown is up to the survivorship rules; pinField overrules those.",
        metadata=right("Customer", "update"),
    )
    @answers(CustomerPayload)
    async def update_customer(
        self,
        info: Info,
        id: CustomerId,
        set: Annotated[CustomerSet, strawberry.argument(description="What to say.")],
        expected_version: ExpectedVersion = None,
        idempotency_key: IdempotencyKey = None,
    ) -> CustomerPayload:
        scope = info.context.scope("Customer", "update")
        found = await write_with_retry(
            info.context,
            commands.update,
            scope,
            uuid(id, "id"),
            set.given(),
            expected_version,
            idempotency_key,
        )
        return await answered(info, found)

    @strawberry.mutation(
        description="Holds one claim on top whatever the rules say.",
        metadata=right("Customer", "update"),
    )
    @answers(CustomerPayload)
    async def pin_field(
        self,
        info: Info,
        customer_id: CustomerId,
        field: Annotated[str, strawberry.argument(description="The field, as Customer has it.")],
        claim_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="A claim of its provenance; null ends the pin."),
        ] = None,
        until: Annotated[
            datetime | None, strawberry.argument(description="When the pin ends; null: never.")
        ] = None,
        expected_version: ExpectedVersion = None,
    ) -> CustomerPayload:
        found = await write_with_retry(
            info.context,
            commands.pin,
            info.context.scope("Customer", "update"),
            uuid(customer_id, "customerId"),
            field,
            uuid(claim_id, "claimId") if claim_id else None,
            until.replace(tzinfo=until.tzinfo or UTC) if until else None,
            expected_version,
        )
        return await answered(info, found)

    @strawberry.mutation(
        description="Says which tags a customer wears, whatever its sources say.",
        metadata=right("Customer", "update"),
    )
    @answers(CustomerPayload)
    async def set_tags(
        self,
        info: Info,
        customer_id: CustomerId,
        tag_ids: Annotated[
            list[strawberry.ID] | None, strawberry.argument(description="Tags by their ids.")
        ] = None,
        names: Annotated[
            list[str] | None,
            strawberry.argument(description="Tags by their words; new ones join the vocabulary."),
        ] = None,
        expected_version: ExpectedVersion = None,
    ) -> CustomerPayload:
        found = await write_with_retry(
            info.context,
            tag_commands.set_tags,
            info.context.scope("Customer", "update"),
            uuid(customer_id, "customerId"),
            uuids(tag_ids, "tagIds"),
            names or [],
            expected_version,
        )
        return await answered(info, found)

    @strawberry.mutation(
        description="Gives a customer to an owner; it moves to the owner's department.",
        metadata=right("Customer", "update"),
    )
    @answers(CustomerPayload)
    async def assign_owner(
        self,
        info: Info,
        customer_id: CustomerId,
        owner_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="An active user; null puts it into the pool."),
        ] = None,
        expected_version: ExpectedVersion = None,
        idempotency_key: IdempotencyKey = None,
    ) -> CustomerPayload:
        ctx = info.context
        found = await write_with_retry(
            ctx,
            commands.assign,
            ctx.scope("Customer", "update"),
            uuid(customer_id, "customerId"),
            uuid(owner_id, "ownerId") if owner_id else None,
            expected_version,
            ctx.policy,
            idempotency_key,
        )
        return await answered(info, found)

    @strawberry.mutation(
        description="Takes a customer out of the pool and makes you its owner. CONFLICT when "
        "somebody was faster.",
        metadata=right("Customer", "update"),
    )
    @answers(CustomerPayload)
    async def claim_customer(self, info: Info, customer_id: CustomerId) -> CustomerPayload:
        ctx = info.context
        # What may be taken is what may be seen: a pool customer is nobody's to update yet.
        scope = replace(ctx.scope("Customer"), action="claim")
        id = uuid(customer_id, "customerId")
        found = await write_with_retry(ctx, commands.claim_from_pool, scope, id, ctx.policy)
        return await answered(info, found)

    @strawberry.mutation(
        description="Lets somebody work on a customer beside its owner.",
        metadata=right("Customer", "update"),
    )
    @answers(CustomerPayload)
    async def add_collaborator(
        self,
        info: Info,
        customer_id: CustomerId,
        user_id: UserId,
        expected_version: ExpectedVersion = None,
    ) -> CustomerPayload:
        return await _collaborate(info, customer_id, user_id, expected_version, joins=True)

    @strawberry.mutation(
        description="Ends somebody's work on a customer.", metadata=right("Customer", "update")
    )
    @answers(CustomerPayload)
    async def remove_collaborator(
        self,
        info: Info,
        customer_id: CustomerId,
        user_id: UserId,
        expected_version: ExpectedVersion = None,
    ) -> CustomerPayload:
        return await _collaborate(info, customer_id, user_id, expected_version, joins=False)


async def _collaborate(
    info: Info,
    customer_id: strawberry.ID,
    user_id: strawberry.ID,
    expected_version: int | None,
    *,
    joins: bool,
) -> CustomerPayload:
    ctx = info.context
    found = await write_with_retry(
        ctx,
        commands.collaborate,
        ctx.scope("Customer", "update"),
        uuid(customer_id, "customerId"),
        uuid(user_id, "userId"),
        joins=joins,
        expected_version=expected_version,
        snapshot=ctx.policy,
    )
    return await answered(info, found)


async def answered(info: Info, id: UUID) -> CustomerPayload:
    """The customer as it is after the write, for those who may read."""
    if not info.context.may("Customer"):
        return CustomerPayload()
    loaders = info.context.loaders_of(PoolLoaders)
    for loader in (
        loaders.customers,
        loaders.customer_tags,
        loaders.customer_links,
        loaders.elections,
    ):
        loader.clear_all()
    return CustomerPayload(customer=await Customer.resolve_reference(info, strawberry.ID(str(id))))
