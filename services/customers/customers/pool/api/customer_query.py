"""Queries of customers: one by any id it has or had, as of any moment, and filtered lists."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import strawberry
from sqlalchemy.orm import Session

from chassis.api.context import Context, Info
from chassis.api.paging import DEFAULT_FIRST, After, First, Window, connect
from chassis.api.rights import right
from chassis.errors import BadInput, Denied
from customers.core.api.arguments import CustomerId
from customers.core.api.enums import CustomerKind, CustomerSort, Lifecycle
from customers.core.api.ids import uuid, uuids
from customers.pool.api.customer import Customer, CustomerConnection
from customers.pool.api.loaders import PoolLoaders
from customers.pool.domain.golden import elect, values
from customers.pool.store import claim as claim_store, customer as store, customer_search
from customers.pool.store.customer import CustomerRow
from customers.pool.store.customer_search import Search

MAX_SEARCH = 100
MAX_WORDS = 100


@strawberry.input(description="A filter of customers; all conditions must hold.")
class CustomerFilter:
    """A filter of customers."""

    name: str | None = strawberry.field(
        default=None,
        description="Filter by a part of the name, whatever its case, width or punctuation; at "
        f"most {MAX_SEARCH} characters.",
    )
    kind: list[CustomerKind] | None = strawberry.field(
        default=None, description="Filter by kind: one of these."
    )
    lifecycle: list[Lifecycle] | None = strawberry.field(
        default=None, description="Filter by lifecycle stage: one of these."
    )
    owner_id: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Filter by the owner's id: one of these."
    )
    department_id: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Filter by the id of the owner's department: one of these."
    )
    project_id: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Filter by the ids of projects: at least one of these."
    )
    in_pool: bool | None = strawberry.field(
        default=None,
        description="true: only customers without an owner; false: only customers with one.",
    )
    tag_ids: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Filter by the ids of tags: at least one of these."
    )
    source: list[str] | None = strawberry.field(
        default=None,
        description="Filter by the names of systems that know the customer: at least one of these.",
    )
    region: list[str] | None = strawberry.field(
        default=None, description="Filter by region: one of these."
    )
    industry: list[str] | None = strawberry.field(
        default=None, description="Filter by industry: one of these."
    )
    updated_after: datetime | None = strawberry.field(
        default=None, description="Only customers changed after this moment."
    )
    ids: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Filter by the customer's id: one of these."
    )

    def resolved(self, ctx: Context) -> Search:
        """Return the search.

        Raises `BadInput`, and `Denied` where it compares values that the caller may not see.
        """
        if self.tag_ids:
            require_all_tags(ctx, "filter.tagIds")
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
            projects=uuids(self.project_id, "filter.projectId"),
            in_pool=self.in_pool,
            tags=uuids(self.tag_ids, "filter.tagIds"),
            sources=words(self.source, "filter.source"),
            regions=words(self.region, "filter.region"),
            industries=words(self.industry, "filter.industry"),
            updated_after=after.replace(tzinfo=after.tzinfo or UTC) if after else None,
            ids=uuids(self.ids, "filter.ids"),
        )


def require_all_tags(ctx: Context, field: str) -> None:
    """Raise `Denied` where the caller may not read the tags of every customer they see.

    A comparison with a tag would disclose which customers have it.
    """
    if not ctx.scope("Customer").within(ctx.scope("Tag")):
        raise Denied(
            f"{field} compares tags that the policy does not show you on every customer; "
            "leave it out.",
            f"{field} 涉及策略未向您开放的标签，请勿使用。",
            field=field,
        )


def words(values: list[str] | None, field: str) -> list[str]:
    """Return values to compare with. Raises `BadInput` where there are too many."""
    words = values or []
    if len(words) > MAX_WORDS:
        raise BadInput(
            f"{field} has {len(words)} values; at most {MAX_WORDS} are allowed.",
            f"{field} 有 {len(words)} 个值，最多 {MAX_WORDS} 个。",
            field=field,
        )
    return words


@strawberry.type
class CustomerQuery:
    """Queries of customers."""

    @strawberry.field(
        description="One customer by any id it has or had; null where the caller may not see it.",
        metadata=right("Customer"),
    )
    async def customer(
        self,
        info: Info,
        id: CustomerId,
        as_of: Annotated[
            datetime | None,
            strawberry.argument(
                description="Show the golden record of this moment; the customer is null if it did "
                "not exist then. Left out: the present one."
            ),
        ] = None,
    ) -> Customer | None:
        """Return one customer, at present or as of a moment."""
        loaders = info.context.loaders_of(PoolLoaders)
        requested_id = uuid(id, "id")
        row = await loaders.customers.load(requested_id)
        if row is None:
            return None
        if as_of is not None:
            moment = as_of.replace(tzinfo=as_of.tzinfo or UTC)
            row = await info.context.read(_row_at, requested_id, row, moment)
        return Customer.of(row, loaders) if row else None

    @strawberry.field(
        description="The customers that the caller may see, a page at a time.",
        metadata=right("Customer"),
    )
    async def customers(
        self,
        info: Info,
        filter: Annotated[
            CustomerFilter | None,
            strawberry.argument(description="Which customers; left out: all of them."),
        ] = None,
        sort: Annotated[
            CustomerSort, strawberry.argument(description="The order of the list.")
        ] = CustomerSort.UPDATED_AT_DESC,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> CustomerConnection:
        """Return a page of the customers that the caller may see."""
        scope = info.context.scope("Customer")
        search = filter.resolved(info.context) if filter else Search()
        window = Window(first, after)
        page = await info.context.read(customer_search.list_page, scope, search, sort.name, window)
        loaders = info.context.loaders_of(PoolLoaders)
        connection: CustomerConnection = connect(
            page,
            lambda row: Customer.of(store.row_of(row), loaders),
            CustomerConnection,
            scope=scope,
            search=search,
        )
        return connection


def _row_at(
    session: Session, requested_id: UUID, present: CustomerRow, moment: datetime
) -> CustomerRow | None:
    """Build the row of a customer as of a moment; `None` if it did not exist then.

    Where the requested id was a customer of its own at that moment, it is that customer.
    """
    claims = claim_store.of_customers_at(session, {requested_id, present.id}, moment)
    id = requested_id if claims[requested_id] else present.id
    golden = values(elect(claims[id], claim_store.rules(session), moment))
    if "name" not in golden:
        return None
    row = store.by_ids_unscoped(session, [id])[id]
    columns = {
        name: value
        for name, value in store.golden_columns(golden).items()
        if not name.startswith("name_")
    }
    # Access is decided by the owner of the present customer.
    return replace(
        row,
        **columns,
        owner_id=present.owner_id,
        department_id=present.department_id,
        collaborators=present.collaborators,
        projects=present.projects,
    )
