"""Mutations of contacts: add, correct and end a person at a customer."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated

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
from customers.core.api.ids import uuid
from customers.pool.api.customer import Contact
from customers.pool.api.protected import EMAIL, MOBILE, NAME
from customers.pool.commands import contact as commands
from customers.pool.domain.record import ContactRecord


@strawberry.input(description="A new contact; at least one of name, mobile and email is required.")
class ContactInput:
    """The values of a new contact."""

    name: str | None = strawberry.field(
        default=None, description="The person's name, at most 200 characters.", directives=[NAME]
    )
    title: str | None = strawberry.field(
        default=None, description="The person's job title, at most 200 characters."
    )
    mobile: str | None = strawberry.field(
        default=None,
        description="The person's telephone number, in any spelling.",
        directives=[MOBILE],
    )
    email: str | None = strawberry.field(
        default=None, description="The person's e-mail address.", directives=[EMAIL]
    )


@strawberry.input(
    description="Values of a contact to correct; a field that is left out stays, null empties it."
)
class ContactSet:
    """The values of a contact to correct."""

    name: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The person's name, at most 200 characters.",
        directives=[NAME],
    )
    title: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The person's job title, at most 200 characters.",
    )
    mobile: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The person's telephone number, in any spelling.",
        directives=[MOBILE],
    )
    email: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The person's e-mail address.",
        directives=[EMAIL],
    )

    def changes(self) -> dict[str, str | None]:
        """Return the fields that the client sent, by name."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not strawberry.UNSET}


@strawberry.type(description="The contact after a write, or why the write was refused.")
class ContactPayload:
    """The result of a contact mutation."""

    contact: Contact | None = strawberry.field(
        default=None, description="The contact as it is now; null where the caller may not see it."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was written; empty on success."
    )


ContactId = Annotated[strawberry.ID, strawberry.argument(description="The contact's id.")]


@strawberry.type
class ContactMutation:
    """Mutations of contacts."""

    @strawberry.mutation(
        description="Add a contact to a customer.", metadata=right("Contact", "create")
    )
    @answers(ContactPayload)
    async def add_contact(
        self,
        info: Info,
        customer_id: CustomerId,
        contact: Annotated[ContactInput, strawberry.argument(description="The new contact.")],
        idempotency_key: IdempotencyKey = None,
    ) -> ContactPayload:
        """Add a contact to a customer."""
        record = ContactRecord("", contact.name, contact.title, contact.mobile, contact.email)
        id = await write_with_retry(
            info.context,
            commands.add,
            info.context.scope("Contact", "create"),
            uuid(customer_id, "customerId"),
            record,
            idempotency_key,
        )
        return ContactPayload(contact=await _reloaded(info, strawberry.ID(str(id))))

    @strawberry.mutation(
        description="Correct values of a contact.", metadata=right("Contact", "update")
    )
    @answers(ContactPayload)
    async def update_contact(
        self,
        info: Info,
        id: ContactId,
        set: Annotated[ContactSet, strawberry.argument(description="The values to correct.")],
        expected_version: ExpectedVersion = None,
    ) -> ContactPayload:
        """Correct values of a contact."""
        scope = info.context.scope("Contact", "update")
        await write_with_retry(
            info.context, commands.update, scope, uuid(id, "id"), set.changes(), expected_version
        )
        return ContactPayload(contact=await _reloaded(info, id))

    @strawberry.mutation(
        description="End a contact who has left the customer; it is no longer listed.",
        metadata=right("Contact", "update"),
    )
    @answers(ContactPayload)
    async def end_contact(
        self, info: Info, id: ContactId, expected_version: ExpectedVersion = None
    ) -> ContactPayload:
        """End a contact who has left the customer."""
        scope = info.context.scope("Contact", "update")
        await write_with_retry(info.context, commands.end, scope, uuid(id, "id"), expected_version)
        return ContactPayload()


async def _reloaded(info: Info, id: strawberry.ID) -> Contact | None:
    if not info.context.may("Contact"):
        return None
    return await Contact.resolve_reference(info, id)
