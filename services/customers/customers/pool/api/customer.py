"""The customer with its contacts and merges: three GraphQL types that point at each other."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry

from chassis.api.context import Info
from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect
from chassis.api.rights import right
from chassis.policy.scope import Scope
from customers.core.api.enums import CustomerKind, Lifecycle
from customers.core.api.ids import uuid
from customers.core.api.stubs import Department, Project, User
from customers.pool.api.loaders import PoolLoaders
from customers.pool.api.protected import CREDIT_CODE, EMAIL, MOBILE, NAME, ProtectedText
from customers.pool.api.provenance import CustomerSource, FieldProvenance, provenance
from customers.pool.api.tag import Tag
from customers.pool.domain.fields import (
    CREDIT_CODE_COORDINATE,
    EMAIL_COORDINATE,
    MOBILE_COORDINATE,
    NAME_COORDINATE,
)
from customers.pool.store import customer_search, merge as merge_store
from customers.pool.store.contact import ContactRow
from customers.pool.store.customer import CustomerRow
from customers.pool.store.customer_search import COUNT_CAP, Search
from customers.pool.store.merge import MergeRow


@strawberry.federation.type(keys=["id"], description="A person at a customer.")
class Contact:
    """A contact with its channels redacted for the caller."""

    id: strawberry.ID = strawberry.field(description="The contact's id.")
    version: int = strawberry.field(
        description="Grows with every change; pass it as expectedVersion on writes."
    )
    name: ProtectedText = strawberry.field(description="The person's name.", directives=[NAME])
    title: str | None = strawberry.field(description="The person's job title at the customer.")
    mobile: ProtectedText = strawberry.field(
        description="The person's telephone number in RFC 3966 form, e.g. +8613….",
        directives=[MOBILE],
    )
    email: ProtectedText = strawberry.field(
        description="The person's e-mail address.", directives=[EMAIL]
    )
    created_at: datetime = strawberry.field(description="When the contact was first recorded.")
    updated_at: datetime = strawberry.field(description="When the contact was last changed.")
    customer_row: strawberry.Private[CustomerRow]

    @strawberry.field(description="The customer that the contact belongs to.")
    async def customer(self, info: Info) -> Customer:
        """Return the contact's customer."""
        return Customer.of(self.customer_row, info.context.loaders_of(PoolLoaders))

    @classmethod
    async def resolve_reference(cls, info: Info, id: strawberry.ID) -> Contact | None:
        """Load a contact by id; `None` where the caller may not see it."""
        loaders = info.context.loaders_of(PoolLoaders)
        contact = await loaders.contacts.load(uuid(id, "id"))
        customer = await loaders.customers.load(contact.customer_id) if contact else None
        return cls.of(contact, customer, loaders) if contact and customer else None

    @classmethod
    def of(cls, row: ContactRow, customer: CustomerRow, loaders: PoolLoaders) -> Contact:
        """Build a contact from its row and the row of its customer."""
        access = customer.access

        def protected(coordinate: str, text: str | None) -> ProtectedText:
            return ProtectedText.deferred(loaders.redactor(coordinate), access, text)

        return cls(
            id=strawberry.ID(str(row.id)),
            version=row.version,
            name=protected(NAME_COORDINATE, row.name),
            title=row.title,
            mobile=protected(MOBILE_COORDINATE, row.mobile),
            email=protected(EMAIL_COORDINATE, row.email),
            created_at=row.created_at,
            updated_at=row.updated_at,
            customer_row=customer,
        )


@strawberry.federation.type(keys=["id"], description="A merge: several customers that became one.")
class MergeEvent:
    """One merge, undone or not."""

    id: strawberry.ID = strawberry.field(description="The merge's id, which unmerge takes.")
    at: datetime = strawberry.field(description="When the customers were merged.")
    by: User | None = strawberry.field(description="The user who merged them.")
    absorbed_ids: list[strawberry.ID] = strawberry.field(
        description="The ids that have led to the survivor since the merge."
    )
    undoable: bool = strawberry.field(description="Whether the merge can still be undone.")
    row: strawberry.Private[MergeRow]

    @strawberry.field(description="The customer that holds all data since the merge.")
    async def survivor(self, info: Info) -> Customer | None:
        """Return the surviving customer; `None` where the caller may not see it."""
        return await Customer.resolve_reference(info, strawberry.ID(str(self.row.survivor_id)))

    @classmethod
    async def resolve_reference(cls, info: Info, id: strawberry.ID) -> MergeEvent | None:
        """Load a merge by id; `None` where the caller may not see its survivor."""
        info.context.scope("Customer")
        row = await info.context.read(merge_store.by_id, uuid(id, "id"))
        if row is None:
            return None
        survivor = await info.context.loaders_of(PoolLoaders).customers.load(row.survivor_id)
        return cls.of(row) if survivor else None

    @classmethod
    def of(cls, row: MergeRow) -> MergeEvent:
        """Build a merge from its row."""
        return cls(
            id=strawberry.ID(str(row.id)),
            at=row.at,
            by=User.of(row.actor_id),
            absorbed_ids=[strawberry.ID(str(id)) for id in row.absorbed],
            undoable=row.undone_at is None,
            row=row,
        )


@strawberry.federation.type(
    keys=["id"], description="An organisation or a person, as the pool believes it to be now."
)
class Customer:
    """The golden record of a customer and everything that belongs to it."""

    id: strawberry.ID = strawberry.field(
        description="The customer's id. Ids of customers that were merged into it lead here."
    )
    version: int = strawberry.field(
        description="Grows with every change; pass it as expectedVersion on writes."
    )
    kind: CustomerKind = strawberry.field(
        description="Whether the customer is an organisation or a person."
    )
    name: str = strawberry.field(description="The customer's name.")
    english_name: str | None = strawberry.field(description="The customer's name in Latin letters.")
    unified_social_credit_code: ProtectedText = strawberry.field(
        description="统一社会信用代码 of an organisation (GB 32100-2015).", directives=[CREDIT_CODE]
    )
    phone: ProtectedText = strawberry.field(
        description="The customer's telephone number in RFC 3966 form, e.g. +8610…;ext=1. Guarded "
        "like Contact.mobile.",
        directives=[MOBILE],
    )
    email: ProtectedText = strawberry.field(
        description="The customer's e-mail address. Guarded like Contact.email.",
        directives=[EMAIL],
    )
    website: str | None = strawberry.field(description="The address of the customer's website.")
    industry: str | None = strawberry.field(description="The industry the customer works in.")
    region: str | None = strawberry.field(description="The region the customer belongs to.")
    address: str | None = strawberry.field(description="The customer's postal address.")
    size: str | None = strawberry.field(description="The size of the organisation.")
    lifecycle: Lifecycle = strawberry.field(description="The customer's lifecycle stage.")
    note: str | None = strawberry.field(description="Free remarks about the customer.")
    owner: User | None = strawberry.field(
        description="The user who owns the customer; null: it is in the pool, without an owner."
    )
    department: Department | None = strawberry.field(description="The owner's department.")
    collaborators: list[User] = strawberry.field(
        description="The users who work on the customer beside its owner."
    )
    projects: list[Project] = strawberry.field(
        description="The projects that the customer belongs to."
    )
    created_at: datetime = strawberry.field(description="When the customer was first recorded.")
    updated_at: datetime = strawberry.field(description="When the customer was last changed.")
    row: strawberry.Private[CustomerRow]

    @strawberry.field(
        description="The contacts of the customer in the order they were recorded. A person known "
        "to several sources is listed once; one that was also entered manually is listed once only "
        "for callers who see telephone numbers and e-mail addresses in clear.",
        metadata=right("Contact"),
    )
    async def contacts(
        self, info: Info, first: First = DEFAULT_FIRST, after: After = None
    ) -> Connection[Contact]:
        """Return a page of the customer's contacts."""
        loaders = info.context.loaders_of(PoolLoaders)
        page = await loaders.contacts_of(self.row, Window(first, after))
        connection: Connection[Contact] = connect(
            page, lambda row: Contact.of(row, self.row, loaders)
        )
        return connection

    @strawberry.field(description="The tags of the customer.", metadata=right("Tag"))
    async def tags(self, info: Info) -> list[Tag]:
        """Return the customer's tags."""
        return [Tag.of(row) for row in await info.context.loaders_of(PoolLoaders).tags_of(self.row)]

    @strawberry.field(
        description="For each field: which source claimed which value when, and why it won."
    )
    async def provenance(
        self,
        info: Info,
        fields: Annotated[
            list[str] | None,
            strawberry.argument(
                description="Names of Customer fields; left out: all that have a value."
            ),
        ] = None,
    ) -> list[FieldProvenance]:
        """Return the provenance of the named fields."""
        loaders = info.context.loaders_of(PoolLoaders)
        elections = await loaders.elections.load(self.row.id)
        return provenance(elections, self.row.access, loaders, fields)

    @strawberry.field(
        description="The records of outside systems, and the manual entries, that the customer is "
        "made of."
    )
    async def sources(self, info: Info) -> list[CustomerSource]:
        """Return the sources of the customer."""
        loaders = info.context.loaders_of(PoolLoaders)
        return [
            CustomerSource.of(row, self.row.access, loaders)
            for row in await loaders.customer_links.load(self.row.id)
        ]

    @strawberry.field(
        description="The merges that made the customer, oldest first, without undone ones."
    )
    async def merged_from(self, info: Info) -> list[MergeEvent]:
        """Return the merges into the customer."""
        merges = await info.context.loaders_of(PoolLoaders).customer_merges.load(self.row.id)
        return [MergeEvent.of(row) for row in merges]

    @classmethod
    async def resolve_reference(cls, info: Info, id: strawberry.ID) -> Customer | None:
        """Load a customer by any id it has or had; `None` where the caller may not see it."""
        loaders = info.context.loaders_of(PoolLoaders)
        row = await loaders.customers.load(uuid(id, "id"))
        return cls.of(row, loaders) if row else None

    @classmethod
    def of(cls, row: CustomerRow, loaders: PoolLoaders) -> Customer:
        """Build a customer from its row."""
        access = row.access

        def protected(coordinate: str, text: str | None) -> ProtectedText:
            return ProtectedText.deferred(loaders.redactor(coordinate), access, text)

        return cls(
            id=strawberry.ID(str(row.id)),
            version=row.version,
            kind=CustomerKind(row.kind),
            name=row.name,
            english_name=row.english_name,
            unified_social_credit_code=protected(
                CREDIT_CODE_COORDINATE, row.unified_social_credit_code
            ),
            phone=protected(MOBILE_COORDINATE, row.phone),
            email=protected(EMAIL_COORDINATE, row.email),
            website=row.website,
            industry=row.industry,
            region=row.region,
            address=row.address,
            size=row.size,
            lifecycle=Lifecycle(row.lifecycle),
            note=row.note,
            owner=User.of(row.owner_id),
            department=Department.of(row.department_id),
            collaborators=[user for id in row.collaborators if (user := User.of(id))],
            projects=[project for id in row.projects if (project := Project.of(id))],
            created_at=row.created_at,
            updated_at=row.updated_at,
            row=row,
        )


@strawberry.type(description="A page of customers.")
class CustomerConnection(Connection[Customer]):
    """A page of customers with a capped total."""

    scope: strawberry.Private[Scope]
    search: strawberry.Private[Search]

    @strawberry.field(
        description=f"The number of customers in the whole list, counted up to {COUNT_CAP}; "
        f"{COUNT_CAP + 1} means there are more. Costs a count, so select it only if it is shown."
    )
    async def total_count(self, info: Info) -> int:
        """Count the customers of the list, up to the cap."""
        return await info.context.read(customer_search.count, self.scope, self.search)
