"""Finding customers: one by any id it ever had, at any moment, and lists a page at a time."""

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
from customers.pool.store import claim as claim_store, customer as store
from customers.pool.store.customer import CustomerRow, Search

MAX_SEARCH = 100
MAX_WORDS = 100


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
    project_id: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Of one of these projects."
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

    def resolved(self, ctx: Context) -> Search:
        """The search. Raises `Denied` where it compares what its reader may not see."""
        if self.tag_ids:
            see_all_tags(ctx, "filter.tagIds")
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


def see_all_tags(ctx: Context, field: str) -> None:
    """What somebody may not see they may not compare, or the answer would tell who wears which tag."""
    if not ctx.scope("Customer").within(ctx.scope("Tag")):
        raise Denied(
            f"{field} compares tags that the policy does not show you on every customer; leave it out.",
            f"{field} 涉及策略未向您开放的标签，请勿使用。",
            field=field,
        )


def words(given: list[str] | None, field: str) -> list[str]:
    """Words to compare with, within bounds."""
    words = given or []
    if len(words) > MAX_WORDS:
        raise BadInput(
            f"{field} has {len(words)} values; at most {MAX_WORDS} are allowed.",
            f"{field} 有 {len(words)} 个值，最多 {MAX_WORDS} 个。",
            field=field,
        )
    return words


@strawberry.type
class CustomerQuery:
    @strawberry.field(
        description="One customer by any id it has or had; null where it may not be seen.",
        metadata=right("Customer"),
    )
    async def customer(
        self,
        info: Info,
        id: CustomerId,
        as_of: Annotated[
            datetime | None,
            strawberry.argument(
                description="As the pool believed it at this moment; null if it did not know it."
            ),
        ] = None,
    ) -> Customer | None:
        loaders = info.context.loaders_of(PoolLoaders)
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
        info: Info,
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
        search = filter.resolved(info.context) if filter else Search()
        window = Window(first, after)
        found = await info.context.read(store.listed, scope, search, sort.name, window)
        loaders = info.context.loaders_of(PoolLoaders)
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
        projects=present.projects,
    )
