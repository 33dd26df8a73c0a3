"""A customer: the golden record and everything that hangs on it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect
from chassis.api.rights import right
from chassis.policy.scope import Scope
from customers.core.api.enums import CustomerKind, Lifecycle
from customers.core.api.ids import uuid
from customers.core.api.loaders import Loaders
from customers.core.api.protected import CREDIT_CODE, EMAIL, MOBILE, ProtectedText
from customers.core.api.stubs import Department, Project, User
from customers.pool.api.contact import Contact
from customers.pool.api.provenance import CustomerSource, FieldProvenance, provenance
from customers.pool.api.tag import CustomersInfo, Tag
from customers.pool.domain.fields import CREDIT_CODE_COORDINATE, EMAIL_COORDINATE, MOBILE_COORDINATE
from customers.pool.store import customer as store
from customers.pool.store.customer import COUNT_CAP, CustomerRow, Search

if TYPE_CHECKING:
    from customers.pool.api.merge import MergeEvent

LazyMergeEvent = Annotated["MergeEvent", strawberry.lazy("customers.pool.api.merge")]


@strawberry.federation.type(
    keys=["id"], description="An organisation or a person, as the pool believes it to be now."
)
class Customer:
    id: strawberry.ID = strawberry.field(
        description="The customer's id. Ids that were merged away lead here."
    )
    version: int = strawberry.field(description="Grows with every change; give it back on writes.")
    kind: CustomerKind = strawberry.field(description="An organisation or a person.")
    name: str = strawberry.field(description="The name.")
    english_name: str | None = strawberry.field(description="The name in Latin letters.")
    unified_social_credit_code: ProtectedText = strawberry.field(
        description="统一社会信用代码 of an organisation (GB 32100-2015).", directives=[CREDIT_CODE]
    )
    phone: ProtectedText = strawberry.field(
        description="Its number, as +8610…;ext=1. Guarded like Contact.mobile.", directives=[MOBILE]
    )
    email: ProtectedText = strawberry.field(
        description="Its e-mail address. Guarded like Contact.email.", directives=[EMAIL]
    )
    website: str | None = strawberry.field(description="Its web address.")
    industry: str | None = strawberry.field(description="What it does for a living.")
    region: str | None = strawberry.field(description="Where it belongs.")
    address: str | None = strawberry.field(description="Where its letters go.")
    size: str | None = strawberry.field(description="How large it is.")
    lifecycle: Lifecycle = strawberry.field(description="Where it stands.")
    note: str | None = strawberry.field(description="What else there is to say.")
    owner: User | None = strawberry.field(
        description="Who looks after it; null: nobody, it is in the pool."
    )
    department: Department | None = strawberry.field(description="The owner's department.")
    collaborators: list[User] = strawberry.field(description="Who works on it beside the owner.")
    projects: list[Project] = strawberry.field(description="The projects it belongs to.")
    created_at: datetime = strawberry.field(description="When the pool first heard of it.")
    updated_at: datetime = strawberry.field(description="When anything about it last changed.")
    row: strawberry.Private[CustomerRow]

    @strawberry.field(
        description="People there, in the order the pool heard of them. Somebody whom several "
        "sources know is listed once; whom a person entered as well, once for those who see numbers "
        "and addresses in clear.",
        metadata=right("Contact"),
    )
    async def contacts(
        self, info: CustomersInfo, first: First = DEFAULT_FIRST, after: After = None
    ) -> Connection[Contact]:
        loaders = info.context.loaders
        found = await loaders.contacts_of(self.row, Window(first, after))
        answer: Connection[Contact] = connect(found, lambda row: Contact.of(row, self.row, loaders))
        return answer

    @strawberry.field(description="The words it is grouped by.", metadata=right("Tag"))
    async def tags(self, info: CustomersInfo) -> list[Tag]:
        return [Tag.of(row) for row in await info.context.loaders.tags_on(self.row)]

    @strawberry.field(description="Which system set which value when, and why it won.")
    async def provenance(
        self,
        info: CustomersInfo,
        fields: Annotated[
            list[str] | None,
            strawberry.argument(description="Names of fields; left out: all that have a value."),
        ] = None,
    ) -> list[FieldProvenance]:
        loaders = info.context.loaders
        believed = await loaders.believed.load(self.row.id)
        return provenance(believed, self.row.access, loaders, fields)

    @strawberry.field(description="The outside records, and people's own word, it is made of.")
    async def sources(self, info: CustomersInfo) -> list[CustomerSource]:
        return [
            CustomerSource.of(row, self.row.access, info.context.loaders)
            for row in await info.context.loaders.links_of.load(self.row.id)
        ]

    @strawberry.field(
        description="The merges that made it one, oldest first; undone ones left out."
    )
    async def merged_from(self, info: CustomersInfo) -> list[LazyMergeEvent]:
        from customers.pool.api.merge import MergeEvent

        found = await info.context.loaders.merges_into.load(self.row.id)
        return [MergeEvent.of(row) for row in found]

    @classmethod
    async def resolve_reference(cls, info: CustomersInfo, id: strawberry.ID) -> Customer | None:
        found = await info.context.loaders.customers.load(uuid(id, "id"))
        return cls.of(found, info.context.loaders) if found else None

    @classmethod
    def of(cls, row: CustomerRow, loaders: Loaders) -> Customer:
        access = row.access

        def guarded(coordinate: str, text: str | None) -> ProtectedText:
            return ProtectedText.asked(loaders.redactor(coordinate), access, text)

        return cls(
            id=strawberry.ID(str(row.id)),
            version=row.version,
            kind=CustomerKind(row.kind),
            name=row.name,
            english_name=row.english_name,
            unified_social_credit_code=guarded(
                CREDIT_CODE_COORDINATE, row.unified_social_credit_code
            ),
            phone=guarded(MOBILE_COORDINATE, row.phone),
            email=guarded(EMAIL_COORDINATE, row.email),
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
    scope: strawberry.Private[Scope]
    search: strawberry.Private[Search]

    @strawberry.field(
        description=f"How many there are in all, counted up to {COUNT_CAP}; one more than that "
        "means more. Costs a count, so ask only if it is shown."
    )
    async def total_count(self, info: CustomersInfo) -> int:
        return await info.context.read(store.count, self.scope, self.search)
