"""Contacts: people at a customer, and what is done to them."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from chassis.api.problems import UserError, answers
from chassis.api.rights import right
from customers.core.api.arguments import CustomerId, ExpectedVersion, IdempotencyKey, written
from customers.core.api.ids import uuid
from customers.core.api.loaders import Loaders
from customers.core.api.protected import EMAIL, MOBILE, NAME, ProtectedText
from customers.pool.api.tag import CustomersInfo
from customers.pool.commands import contact as commands
from customers.pool.domain.fields import EMAIL_COORDINATE, MOBILE_COORDINATE, NAME_COORDINATE
from customers.pool.domain.record import ContactRecord
from customers.pool.store.contact import ContactRow
from customers.pool.store.customer import CustomerRow

if TYPE_CHECKING:
    from customers.pool.api.customer import Customer

LazyCustomer = Annotated["Customer", strawberry.lazy("customers.pool.api.customer")]


@strawberry.federation.type(keys=["id"], description="A person at a customer.")
class Contact:
    id: strawberry.ID = strawberry.field(description="The contact's id.")
    version: int = strawberry.field(description="Grows with every change; give it back on writes.")
    name: ProtectedText = strawberry.field(description="Their name.", directives=[NAME])
    title: str | None = strawberry.field(description="What they do there.")
    mobile: ProtectedText = strawberry.field(
        description="Their number, as +8613…", directives=[MOBILE]
    )
    email: ProtectedText = strawberry.field(description="Their e-mail address.", directives=[EMAIL])
    created_at: datetime = strawberry.field(description="When the pool first heard of them.")
    updated_at: datetime = strawberry.field(description="When anything about them last changed.")
    customer_row: strawberry.Private[CustomerRow]

    @strawberry.field(description="The customer they belong to.")
    async def customer(self, info: CustomersInfo) -> LazyCustomer:
        from customers.pool.api.customer import Customer

        return Customer.of(self.customer_row, info.context.loaders)

    @classmethod
    async def resolve_reference(cls, info: CustomersInfo, id: strawberry.ID) -> Contact | None:
        loaders = info.context.loaders
        found = await loaders.contacts.load(uuid(id, "id"))
        row = await loaders.customers.load(found.customer_id) if found else None
        return cls.of(found, row, loaders) if found and row else None

    @classmethod
    def of(cls, row: ContactRow, customer: CustomerRow, loaders: Loaders) -> Contact:
        access = customer.access

        def shown(coordinate: str, text: str | None) -> ProtectedText:
            return ProtectedText.asked(loaders.redactor(coordinate), access, text)

        return cls(
            id=strawberry.ID(str(row.id)),
            version=row.version,
            name=shown(NAME_COORDINATE, row.name),
            title=row.title,
            mobile=shown(MOBILE_COORDINATE, row.mobile),
            email=shown(EMAIL_COORDINATE, row.email),
            created_at=row.created_at,
            updated_at=row.updated_at,
            customer_row=customer,
        )


@strawberry.input(
    description="A contact as a person enters it; one of name, mobile, email is needed."
)
class ContactInput:
    name: str | None = strawberry.field(
        default=None, description="At most 200 characters.", directives=[NAME]
    )
    title: str | None = strawberry.field(default=None, description="At most 200 characters.")
    mobile: str | None = strawberry.field(
        default=None, description="A telephone number.", directives=[MOBILE]
    )
    email: str | None = strawberry.field(
        default=None, description="An e-mail address.", directives=[EMAIL]
    )


@strawberry.input(description="What to correct; what is left out stays, null empties.")
class ContactSet:
    name: str | None = strawberry.field(
        default=strawberry.UNSET, description="Their name.", directives=[NAME]
    )
    title: str | None = strawberry.field(
        default=strawberry.UNSET, description="What they do there."
    )
    mobile: str | None = strawberry.field(
        default=strawberry.UNSET, description="Their number.", directives=[MOBILE]
    )
    email: str | None = strawberry.field(
        default=strawberry.UNSET, description="Their e-mail address.", directives=[EMAIL]
    )

    def given(self) -> dict[str, str | None]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not strawberry.UNSET}


@strawberry.type(description="The contact after a write, or why it was refused.")
class ContactPayload:
    contact: Contact | None = strawberry.field(default=None, description="As it is now.")
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was done; empty: it was done."
    )


ContactId = Annotated[strawberry.ID, strawberry.argument(description="The contact's id.")]


@strawberry.type
class ContactMutation:
    @strawberry.mutation(
        description="Adds a person to a customer.", metadata=right("Contact", "create")
    )
    @answers(ContactPayload)
    async def add_contact(
        self,
        info: CustomersInfo,
        customer_id: CustomerId,
        contact: Annotated[ContactInput, strawberry.argument(description="Who it is.")],
        idempotency_key: IdempotencyKey = None,
    ) -> ContactPayload:
        said = ContactRecord("", contact.name, contact.title, contact.mobile, contact.email)
        id = await written(
            info.context,
            commands.add,
            info.context.scope("Contact", "create"),
            uuid(customer_id, "customerId"),
            said,
            idempotency_key,
        )
        return ContactPayload(contact=await _fresh(info, strawberry.ID(str(id))))

    @strawberry.mutation(description="Corrects a contact.", metadata=right("Contact", "update"))
    @answers(ContactPayload)
    async def update_contact(
        self,
        info: CustomersInfo,
        id: ContactId,
        set: Annotated[ContactSet, strawberry.argument(description="What to correct.")],
        expected_version: ExpectedVersion = None,
    ) -> ContactPayload:
        scope = info.context.scope("Contact", "update")
        await written(
            info.context, commands.update, scope, uuid(id, "id"), set.given(), expected_version
        )
        return ContactPayload(contact=await _fresh(info, id))

    @strawberry.mutation(
        description="Takes a contact who is no longer there off the customer.",
        metadata=right("Contact", "update"),
    )
    @answers(ContactPayload)
    async def end_contact(
        self, info: CustomersInfo, id: ContactId, expected_version: ExpectedVersion = None
    ) -> ContactPayload:
        scope = info.context.scope("Contact", "update")
        await written(info.context, commands.end, scope, uuid(id, "id"), expected_version)
        return ContactPayload()


async def _fresh(info: CustomersInfo, id: strawberry.ID) -> Contact | None:
    if not info.context.may("Contact"):
        return None
    return await Contact.resolve_reference(info, id)
