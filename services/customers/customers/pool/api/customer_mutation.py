"""Mutations of customers: create, correct, pin, tag, assign, claim from the pool, share."""

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


@strawberry.input(
    description="Manual values of a customer; a field that is left out stays, null withdraws the "
    "manual value."
)
class CustomerSet:
    """Manual values of a customer."""

    name: str | None = strawberry.field(
        default=strawberry.UNSET, description="The customer's name, 1 to 300 characters."
    )
    english_name: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The customer's name in Latin letters, at most 300 characters.",
    )
    unified_social_credit_code: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The 统一社会信用代码: 18 characters, the last one a check digit.",
        directives=[CREDIT_CODE],
    )
    phone: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The telephone number: a mobile, a landline with its area code, or a foreign "
        "number with + and country code.",
        directives=[MOBILE],
    )
    email: str | None = strawberry.field(
        default=strawberry.UNSET, description="The e-mail address.", directives=[EMAIL]
    )
    website: str | None = strawberry.field(
        default=strawberry.UNSET, description="The address of the website."
    )
    industry: str | None = strawberry.field(
        default=strawberry.UNSET, description="The industry, at most 100 characters."
    )
    region: str | None = strawberry.field(
        default=strawberry.UNSET, description="The region, at most 100 characters."
    )
    address: str | None = strawberry.field(
        default=strawberry.UNSET, description="The postal address, at most 500 characters."
    )
    size: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The size of the organisation, at most 100 characters.",
    )
    lifecycle: Lifecycle | None = strawberry.field(
        default=strawberry.UNSET, description="The lifecycle stage."
    )
    note: str | None = strawberry.field(
        default=strawberry.UNSET, description="Free remarks, at most 2,000 characters."
    )

    def changes(self) -> dict[str, str | None]:
        """Return the fields that the client sent, by their name in the domain."""
        changes: dict[str, str | None] = {}
        for field in fields_of(self):
            value = getattr(self, field.name)
            if value is not strawberry.UNSET:
                changes[field.name] = value.name if isinstance(value, Lifecycle) else value
        return changes


@strawberry.type(description="The customer after a write, or why the write was refused.")
class CustomerPayload:
    """The result of a customer mutation."""

    customer: Customer | None = strawberry.field(
        default=None,
        description="The customer as it is now; null also where the caller may no longer see it.",
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was written; empty on success."
    )


UserId = Annotated[strawberry.ID, strawberry.argument(description="The user's id.")]


@strawberry.type
class CustomerMutation:
    """Mutations of customers."""

    @strawberry.mutation(
        description="Create a customer. CONFLICT where the credit code, telephone number or e-mail "
        "address shows that the pool holds it already.",
        metadata=right("Customer", "create"),
    )
    @answers(CustomerPayload)
    async def create_customer(
        self,
        info: Info,
        kind: Annotated[
            CustomerKind,
            strawberry.argument(description="Whether the customer is an organisation or a person."),
        ],
        set: Annotated[
            CustomerSet,
            strawberry.argument(description="The values of the customer; a name is required."),
        ],
        owner_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(
                description="The owner's id; left out: the caller; null: the customer goes into "
                "the pool."
            ),
        ] = strawberry.UNSET,
        allow_duplicate: Annotated[
            bool,
            strawberry.argument(
                description="true: create the customer although the pool holds it already; a "
                "steward reviews both."
            ),
        ] = False,
        idempotency_key: IdempotencyKey = None,
    ) -> CustomerPayload:
        """Create a customer."""
        ctx = info.context
        owner = uuid(owner_id, "ownerId") if owner_id else None
        creation = commands.Creation(
            kind=kind.name,
            fields=set.changes(),
            owner_id=ctx.actor.user_id if owner_id is strawberry.UNSET else owner,
            allow_duplicate=allow_duplicate,
            idempotency_key=idempotency_key,
        )
        scope = ctx.scope("Customer", "create")
        id = await write_with_retry(ctx, commands.create, scope, creation, ctx.policy)
        return await _payload(info, id)

    @strawberry.mutation(
        description="Record values as claims of the source `manual`. Whether they are shown is "
        "decided by the survivorship rules; pinField overrules those.",
        metadata=right("Customer", "update"),
    )
    @answers(CustomerPayload)
    async def update_customer(
        self,
        info: Info,
        id: CustomerId,
        set: Annotated[CustomerSet, strawberry.argument(description="The values to record.")],
        expected_version: ExpectedVersion = None,
        idempotency_key: IdempotencyKey = None,
    ) -> CustomerPayload:
        """Record manual values of a customer."""
        scope = info.context.scope("Customer", "update")
        customer = await write_with_retry(
            info.context,
            commands.update,
            scope,
            uuid(id, "id"),
            set.changes(),
            expected_version,
            idempotency_key,
        )
        return await _payload(info, customer)

    @strawberry.mutation(
        description="Pin a claim, so that its value is shown whatever the survivorship rules say.",
        metadata=right("Customer", "update"),
    )
    @answers(CustomerPayload)
    async def pin_field(
        self,
        info: Info,
        customer_id: CustomerId,
        field: Annotated[str, strawberry.argument(description="The field, as Customer calls it.")],
        claim_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(
                description="The id of a claim in the field's provenance; null ends the pin."
            ),
        ] = None,
        until: Annotated[
            datetime | None, strawberry.argument(description="When the pin ends; null: never.")
        ] = None,
        expected_version: ExpectedVersion = None,
    ) -> CustomerPayload:
        """Pin a claim of a customer's field."""
        customer = await write_with_retry(
            info.context,
            commands.pin,
            info.context.scope("Customer", "update"),
            uuid(customer_id, "customerId"),
            field,
            uuid(claim_id, "claimId") if claim_id else None,
            until.replace(tzinfo=until.tzinfo or UTC) if until else None,
            expected_version,
        )
        return await _payload(info, customer)

    @strawberry.mutation(
        description="Set the exact tags of a customer, whatever its sources report.",
        metadata=right("Customer", "update"),
    )
    @answers(CustomerPayload)
    async def set_tags(
        self,
        info: Info,
        customer_id: CustomerId,
        tag_ids: Annotated[
            list[strawberry.ID] | None, strawberry.argument(description="The ids of tags.")
        ] = None,
        names: Annotated[
            list[str] | None,
            strawberry.argument(
                description="The names of further tags; unknown names are added to the vocabulary."
            ),
        ] = None,
        expected_version: ExpectedVersion = None,
    ) -> CustomerPayload:
        """Set the tags of a customer."""
        customer = await write_with_retry(
            info.context,
            tag_commands.set_tags,
            info.context.scope("Customer", "update"),
            uuid(customer_id, "customerId"),
            uuids(tag_ids, "tagIds"),
            names or [],
            expected_version,
        )
        return await _payload(info, customer)

    @strawberry.mutation(
        description="Assign a customer to an owner; it moves to the owner's department.",
        metadata=right("Customer", "update"),
    )
    @answers(CustomerPayload)
    async def assign_owner(
        self,
        info: Info,
        customer_id: CustomerId,
        owner_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(
                description="The id of an active user; null puts the customer into the pool."
            ),
        ] = None,
        expected_version: ExpectedVersion = None,
        idempotency_key: IdempotencyKey = None,
    ) -> CustomerPayload:
        """Assign a customer to an owner."""
        ctx = info.context
        customer = await write_with_retry(
            ctx,
            commands.assign,
            ctx.scope("Customer", "update"),
            uuid(customer_id, "customerId"),
            uuid(owner_id, "ownerId") if owner_id else None,
            expected_version,
            ctx.policy,
            idempotency_key,
        )
        return await _payload(info, customer)

    @strawberry.mutation(
        description="Claim a customer from the pool: the caller becomes its owner. CONFLICT where "
        "it has an owner already.",
        metadata=right("Customer", "update"),
    )
    @answers(CustomerPayload)
    async def claim_customer(self, info: Info, customer_id: CustomerId) -> CustomerPayload:
        """Claim a customer from the pool."""
        ctx = info.context
        # The right to read suffices: without an owner, no user has the customer to update yet.
        scope = replace(ctx.scope("Customer"), action="claim")
        id = uuid(customer_id, "customerId")
        customer = await write_with_retry(ctx, commands.claim_from_pool, scope, id, ctx.policy)
        return await _payload(info, customer)

    @strawberry.mutation(
        description="Add a user to the collaborators of a customer.",
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
        """Add a collaborator to a customer."""
        return await _collaborate(info, customer_id, user_id, expected_version, joins=True)

    @strawberry.mutation(
        description="Remove a user from the collaborators of a customer.",
        metadata=right("Customer", "update"),
    )
    @answers(CustomerPayload)
    async def remove_collaborator(
        self,
        info: Info,
        customer_id: CustomerId,
        user_id: UserId,
        expected_version: ExpectedVersion = None,
    ) -> CustomerPayload:
        """Remove a collaborator from a customer."""
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
    customer = await write_with_retry(
        ctx,
        commands.collaborate,
        ctx.scope("Customer", "update"),
        uuid(customer_id, "customerId"),
        uuid(user_id, "userId"),
        joins=joins,
        expected_version=expected_version,
        snapshot=ctx.policy,
    )
    return await _payload(info, customer)


async def _payload(info: Info, id: UUID) -> CustomerPayload:
    """Load the customer anew after the write, where the caller may read customers."""
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
