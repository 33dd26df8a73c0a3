"""Customers: the golden record, everything that hangs on it, and what people do to it."""

from __future__ import annotations

from dataclasses import fields as fields_of, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry
from sqlalchemy.orm import Session

from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect
from chassis.api.problems import UserError, answers
from chassis.api.rights import right
from chassis.errors import BadInput
from chassis.policy.guard import Scope
from customers.api.arguments import CustomerId, ExpectedVersion, IdempotencyKey, written
from customers.api.contact import Contact
from customers.api.enums import CustomerKind, CustomerSort, Lifecycle
from customers.api.ids import uuid, uuids
from customers.api.loaders import ContactsKey, Loaders
from customers.api.protected import ProtectedText
from customers.api.provenance import CustomerSource, FieldProvenance, provenance
from customers.api.stubs import Department, User
from customers.api.tag import CustomersInfo, Tag
from customers.commands import customer as commands, tag as tag_commands
from customers.domain.fields import CREDIT_CODE_COORDINATE, EMAIL_COORDINATE, MOBILE_COORDINATE
from customers.domain.golden import elect, values
from customers.store import claim as claim_store, customer as store
from customers.store.customer import COUNT_CAP, CustomerRow, Search

if TYPE_CHECKING:
    from customers.api.merge import MergeEvent

LazyMergeEvent = Annotated["MergeEvent", strawberry.lazy("customers.api.merge")]
MAX_SEARCH = 100
MAX_WORDS = 100


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
    unified_social_credit_code: ProtectedText = strawberry.federation.field(
        description="统一社会信用代码 of an organisation (GB 32100-2015).", tags=["L2"]
    )
    phone: ProtectedText = strawberry.federation.field(
        description="Its number, as +8610…;ext=1. Guarded like Contact.mobile.", tags=["L3"]
    )
    email: ProtectedText = strawberry.federation.field(
        description="Its e-mail address. Guarded like Contact.email.", tags=["L3"]
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
    created_at: datetime = strawberry.field(description="When the pool first heard of it.")
    updated_at: datetime = strawberry.field(description="When anything about it last changed.")
    row: strawberry.Private[CustomerRow]

    @strawberry.field(
        description="People there, in the order the pool heard of them. Somebody whom several "
        "sources know is listed once.",
        metadata=right("Contact"),
    )
    async def contacts(
        self, info: CustomersInfo, first: First = DEFAULT_FIRST, after: After = None
    ) -> Connection[Contact]:
        loaders = info.context.loaders
        found = await loaders.contact_pages.load(ContactsKey(self.row.id, Window(first, after)))
        answer: Connection[Contact] = connect(found, lambda row: Contact.of(row, self.row, loaders))
        return answer

    @strawberry.field(description="The words it is grouped by.", metadata=right("Tag"))
    async def tags(self, info: CustomersInfo) -> list[Tag]:
        return [Tag.of(row) for row in await info.context.loaders.tags_of.load(self.row.id)]

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
            CustomerSource.of(row) for row in await info.context.loaders.links_of.load(self.row.id)
        ]

    @strawberry.field(
        description="The merges that made it one, oldest first; undone ones left out."
    )
    async def merged_from(self, info: CustomersInfo) -> list[LazyMergeEvent]:
        from customers.api.merge import MergeEvent

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
            return ProtectedText.of(loaders.redactor(coordinate)(access, text))

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
            created_at=row.created_at,
            updated_at=row.updated_at,
            row=row,
        )


@strawberry.input(description="Which customers; every condition given must hold.")
class CustomerFilter:
    name: str | None = strawberry.field(
        default=None,
        description=f"Part of the name, whatever its case, width or punctuation; at most "
        f"{MAX_SEARCH} characters.",
    )
    kind: list[CustomerKind] | None = strawberry.field(default=None, description="Of these kinds.")
    lifecycle: list[Lifecycle] | None = strawberry.field(default=None, description="Standing here.")
    owner_id: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Looked after by one of these."
    )
    department_id: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Of one of these departments."
    )
    in_pool: bool | None = strawberry.field(
        default=None, description="true: that nobody owns; false: that somebody owns."
    )
    tag_ids: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Wearing one of these tags."
    )
    source: list[str] | None = strawberry.field(
        default=None, description="Known to one of these systems."
    )
    region: list[str] | None = strawberry.field(default=None, description="In one of these.")
    industry: list[str] | None = strawberry.field(default=None, description="In one of these.")
    updated_after: datetime | None = strawberry.field(
        default=None, description="Changed after this moment."
    )
    ids: list[strawberry.ID] | None = strawberry.field(default=None, description="Among these.")

    def resolved(self) -> Search:
        if self.name is not None and len(self.name) > MAX_SEARCH:
            raise BadInput(
                f"filter.name has {len(self.name)} characters; at most {MAX_SEARCH} are allowed.",
                f"filter.name 有 {len(self.name)} 个字符，最多 {MAX_SEARCH} 个。",
                field="filter.name",
            )
        after = self.updated_after
        return Search(
            text=self.name,
            kinds=[kind.name for kind in self.kind or ()],
            lifecycles=[stage.name for stage in self.lifecycle or ()],
            owners=uuids(self.owner_id, "filter.ownerId"),
            departments=uuids(self.department_id, "filter.departmentId"),
            in_pool=self.in_pool,
            tags=uuids(self.tag_ids, "filter.tagIds"),
            sources=_words(self.source, "filter.source"),
            regions=_words(self.region, "filter.region"),
            industries=_words(self.industry, "filter.industry"),
            updated_after=after.replace(tzinfo=after.tzinfo or UTC) if after else None,
            ids=uuids(self.ids, "filter.ids"),
        )


def _words(given: list[str] | None, field: str) -> list[str]:
    words = given or []
    if len(words) > MAX_WORDS:
        raise BadInput(
            f"{field} has {len(words)} values; at most {MAX_WORDS} are allowed.",
            f"{field} 有 {len(words)} 个值，最多 {MAX_WORDS} 个。",
            field=field,
        )
    return words


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


@strawberry.type
class CustomerQuery:
    @strawberry.field(
        description="One customer by any id it has or had; null where it may not be seen.",
        metadata=right("Customer"),
    )
    async def customer(
        self,
        info: CustomersInfo,
        id: CustomerId,
        as_of: Annotated[
            datetime | None,
            strawberry.argument(
                description="As the pool believed it at this moment; null if it did not know it."
            ),
        ] = None,
    ) -> Customer | None:
        loaders = info.context.loaders
        asked = uuid(id, "id")
        row = await loaders.customers.load(asked)
        if row is None:
            return None
        if as_of is not None:
            moment = as_of.replace(tzinfo=as_of.tzinfo or UTC)
            row = await info.context.read(_then, asked, row, moment)
        return Customer.of(row, loaders) if row else None

    @strawberry.field(
        description="The customers you may see, a page at a time.", metadata=right("Customer")
    )
    async def customers(
        self,
        info: CustomersInfo,
        filter: Annotated[
            CustomerFilter | None, strawberry.argument(description="Left out: all.")
        ] = None,
        sort: Annotated[
            CustomerSort, strawberry.argument(description="In which order.")
        ] = CustomerSort.UPDATED_AT_DESC,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> CustomerConnection:
        scope = info.context.scope("Customer")
        search = filter.resolved() if filter else Search()
        window = Window(first, after)
        found = await info.context.read(store.listed, scope, search, sort.name, window)
        loaders = info.context.loaders
        answer: CustomerConnection = connect(
            found,
            lambda row: Customer.of(store.row_of(row), loaders),
            CustomerConnection,
            scope=scope,
            search=search,
        )
        return answer


def _then(
    session: Session, asked: UUID, present: CustomerRow, moment: datetime
) -> CustomerRow | None:
    """The customer as it was believed to be: the identity asked for, if it was one of its own then."""
    claims = claim_store.of_customers_at(session, {asked, present.id}, moment)
    id = asked if claims[asked] else present.id
    golden = values(elect(claims[id], claim_store.rules(session), moment))
    if "name" not in golden:
        return None
    row = store.by_ids_unscoped(session, [id])[id]
    shown = store.golden_columns(golden)
    known = {name: value for name, value in shown.items() if not name.startswith("name_")}
    # Who may see it is decided by who owns the present one.
    return replace(
        row,
        **known,
        owner_id=present.owner_id,
        department_id=present.department_id,
        collaborators=present.collaborators,
    )


@strawberry.input(description="Values a person knows; what is left out stays, null takes back.")
class CustomerSet:
    name: str | None = strawberry.field(
        default=strawberry.UNSET, description="1 to 300 characters."
    )
    english_name: str | None = strawberry.field(
        default=strawberry.UNSET, description="The name in Latin letters."
    )
    unified_social_credit_code: str | None = strawberry.field(
        default=strawberry.UNSET, description="18 characters, the last one a check digit."
    )
    phone: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="A mobile, a landline with its area code, or + and country code.",
    )
    email: str | None = strawberry.field(default=strawberry.UNSET, description="An e-mail address.")
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
        info: CustomersInfo,
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
        id = await written(ctx, commands.create, scope, asked, ctx.guard.snapshot)
        return await answered(info, id)

    @strawberry.mutation(
        description="Says what a person knows better, as claims of the source `manual`. Whether "
        "they are shown is up to the survivorship rules; pinField overrules those.",
        metadata=right("Customer", "update"),
    )
    @answers(CustomerPayload)
    async def update_customer(
        self,
        info: CustomersInfo,
        id: CustomerId,
        set: Annotated[CustomerSet, strawberry.argument(description="What to say.")],
        expected_version: ExpectedVersion = None,
        idempotency_key: IdempotencyKey = None,
    ) -> CustomerPayload:
        scope = info.context.scope("Customer", "update")
        found = await written(
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
        info: CustomersInfo,
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
        found = await written(
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
        info: CustomersInfo,
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
        found = await written(
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
        info: CustomersInfo,
        customer_id: CustomerId,
        owner_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="An active user; null puts it into the pool."),
        ] = None,
        expected_version: ExpectedVersion = None,
        idempotency_key: IdempotencyKey = None,
    ) -> CustomerPayload:
        ctx = info.context
        found = await written(
            ctx,
            commands.assign,
            ctx.scope("Customer", "update"),
            uuid(customer_id, "customerId"),
            uuid(owner_id, "ownerId") if owner_id else None,
            expected_version,
            ctx.guard.snapshot,
            idempotency_key,
        )
        return await answered(info, found)

    @strawberry.mutation(
        description="Takes a customer out of the pool and makes you its owner. CONFLICT when "
        "somebody was faster.",
        metadata=right("Customer", "update"),
    )
    @answers(CustomerPayload)
    async def claim_customer(self, info: CustomersInfo, customer_id: CustomerId) -> CustomerPayload:
        ctx = info.context
        # What may be taken is what may be seen: a pool customer is nobody's to update yet.
        scope = replace(ctx.scope("Customer"), action="claim")
        id = uuid(customer_id, "customerId")
        found = await written(ctx, commands.claim_from_pool, scope, id, ctx.guard.snapshot)
        return await answered(info, found)

    @strawberry.mutation(
        description="Lets somebody work on a customer beside its owner.",
        metadata=right("Customer", "update"),
    )
    @answers(CustomerPayload)
    async def add_collaborator(
        self,
        info: CustomersInfo,
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
        info: CustomersInfo,
        customer_id: CustomerId,
        user_id: UserId,
        expected_version: ExpectedVersion = None,
    ) -> CustomerPayload:
        return await _collaborate(info, customer_id, user_id, expected_version, joins=False)


async def _collaborate(
    info: CustomersInfo,
    customer_id: strawberry.ID,
    user_id: strawberry.ID,
    expected_version: int | None,
    *,
    joins: bool,
) -> CustomerPayload:
    ctx = info.context
    found = await written(
        ctx,
        commands.collaborate,
        ctx.scope("Customer", "update"),
        uuid(customer_id, "customerId"),
        uuid(user_id, "userId"),
        joins=joins,
        expected_version=expected_version,
        snapshot=ctx.guard.snapshot,
    )
    return await answered(info, found)


async def answered(info: CustomersInfo, id: UUID) -> CustomerPayload:
    """The customer as it is after the write, for those who may read."""
    if not info.context.may("Customer"):
        return CustomerPayload()
    loaders = info.context.loaders
    for loader in (loaders.customers, loaders.tags_of, loaders.links_of, loaders.believed):
        loader.clear_all()
    return CustomerPayload(customer=await Customer.resolve_reference(info, strawberry.ID(str(id))))
