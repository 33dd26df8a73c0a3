"""How many customers there are, by group, also of those that one may not see: never of fewer than five."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import strawberry

from chassis.api.context import Info
from chassis.api.rights import right
from customers.core.api.enums import CustomerKind, Lifecycle
from customers.core.api.ids import uuids
from customers.core.api.stubs import Department, User
from customers.core.domain.ids import uuid_or_none
from customers.pool.api.customer_query import require_all_tags, words
from customers.pool.api.loaders import PoolLoaders
from customers.pool.api.tag import Tag
from customers.pool.store.customer import Search
from customers.totals import store
from customers.totals.domain import SMALLEST, Counted, Told, ranked, told

MOST_GROUPS = 200


@strawberry.enum(description="What customers are grouped by; nothing that is sensitive.")
class CustomerDimension(Enum):
    KIND = strawberry.enum_value("KIND", description="Organisations and persons.")
    LIFECYCLE = strawberry.enum_value("LIFECYCLE", description="Where they stand.")
    INDUSTRY = strawberry.enum_value("INDUSTRY", description="What they do for a living.")
    REGION = strawberry.enum_value("REGION", description="Where they belong.")
    OWNER = strawberry.enum_value("OWNER", description="Who looks after them.")
    DEPARTMENT = strawberry.enum_value("DEPARTMENT", description="The owner's department.")
    TAG = strawberry.enum_value("TAG", description="The words they wear; one may wear several.")


@strawberry.input(
    description="Which customers are counted; every condition given must hold. Only what many share can be "
    "asked for: a condition that one customer meets would count that one."
)
class CustomerTotalsFilter:
    kind: list[CustomerKind] | None = strawberry.field(default=None, description="Of these kinds.")
    lifecycle: list[Lifecycle] | None = strawberry.field(default=None, description="Standing here.")
    department_id: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Of one of these departments."
    )
    region: list[str] | None = strawberry.field(default=None, description="In one of these.")
    industry: list[str] | None = strawberry.field(default=None, description="In one of these.")

    def resolved(self) -> Search:
        return Search(
            kinds=[kind.name for kind in self.kind or ()],
            lifecycles=[stage.name for stage in self.lifecycle or ()],
            departments=uuids(self.department_id, "filter.departmentId"),
            regions=words(self.region, "filter.region"),
            industries=words(self.industry, "filter.industry"),
        )


@strawberry.type(description="Customers that have something in common.")
class CustomerGroup:
    key: str | None = strawberry.field(
        description="What they share; an id for owners, departments and tags; null: nothing is known."
    )
    count: int = strawberry.field(
        description="How many; those that you may not see count in whole fives only."
    )
    exact: bool = strawberry.field(
        description="Whether you may see all of them, so all are counted."
    )
    owner: User | None = strawberry.field(description="Of OWNER: who it is.")
    department: Department | None = strawberry.field(description="Of DEPARTMENT: which one.")
    tag: Tag | None = strawberry.field(description="Of TAG: which one.")


@strawberry.type(description="Customers, counted.")
class CustomerTotals:
    count: int = strawberry.field(
        description="How many in all; those that you may not see count in whole fives only."
    )
    exact: bool = strawberry.field(description="Whether you may see all of them.")
    groups: list[CustomerGroup] = strawberry.field(
        description=f"The largest first, at most {MOST_GROUPS}. A group with fewer than {SMALLEST}, all of "
        "which you may not see, is not mentioned."
    )
    more_groups: int = strawberry.field(description="How many further groups there are.")


@strawberry.type
class TotalsQuery:
    @strawberry.field(
        description="How many customers there are by industry, region, owner, department, tag, kind or "
        "lifecycle. The right to totals may reach further than that to read; of what you may not read, "
        "numbers are told in whole fives, so that neither a group nor a difference tells of a single one.",
        metadata=right("Customer", "total"),
    )
    async def customer_totals(
        self,
        info: Info,
        by: Annotated[CustomerDimension, strawberry.argument(description="By what.")],
        filter: Annotated[
            CustomerTotalsFilter | None, strawberry.argument(description="Left out: all.")
        ] = None,
    ) -> CustomerTotals:
        ctx = info.context
        if by is CustomerDimension.TAG:
            require_all_tags(ctx, "by")
        scope = ctx.scope("Customer", "total")
        seen = ctx.scope("Customer") if ctx.may("Customer") else None
        search = filter.resolved() if filter else Search()
        counted = await ctx.read(store.totals, scope, seen, search, by.name)
        all = await ctx.read(store.totals, scope, seen, search, None)
        groups, more = ranked(counted, MOST_GROUPS)
        total = told(all[0] if all else Counted(None, 0, 0))
        tags = await _tags(info, groups) if by is CustomerDimension.TAG else {}
        return CustomerTotals(
            count=total.count,
            exact=total.exact,
            groups=[_group(by, one, tags) for one in groups],
            more_groups=more,
        )


def _group(by: CustomerDimension, one: Told, tags: dict[str, Tag]) -> CustomerGroup:
    id = uuid_or_none(one.key)
    return CustomerGroup(
        key=one.key,
        count=one.count,
        exact=one.exact,
        owner=User.of(id) if by is CustomerDimension.OWNER else None,
        department=Department.of(id) if by is CustomerDimension.DEPARTMENT else None,
        tag=tags.get(one.key or ""),
    )


async def _tags(info: Info, groups: list[Told]) -> dict[str, Tag]:
    ids = [id for one in groups if (id := uuid_or_none(one.key))]
    rows = await info.context.loaders_of(PoolLoaders).tags.load_many(ids)
    return {str(row.id): Tag.of(row) for row in rows if row}
