"""Counts of customers by group, also of customers the caller may not see, these in whole fives."""

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
from customers.pool.store.customer_search import Search
from customers.totals import store
from customers.totals.domain import (
    SMALLEST,
    DisclosedCount,
    GroupCount,
    disclose,
    rank_disclosed,
)

MOST_GROUPS = 200


@strawberry.enum(
    description="The dimension by which customers are grouped; no sensitive field is one."
)
class CustomerDimension(Enum):
    """The dimension by which customers are grouped."""

    KIND = strawberry.enum_value("KIND", description="By kind: organisations and persons.")
    LIFECYCLE = strawberry.enum_value("LIFECYCLE", description="By lifecycle stage.")
    INDUSTRY = strawberry.enum_value("INDUSTRY", description="By industry.")
    REGION = strawberry.enum_value("REGION", description="By region.")
    OWNER = strawberry.enum_value("OWNER", description="By owner.")
    DEPARTMENT = strawberry.enum_value("DEPARTMENT", description="By the owner's department.")
    TAG = strawberry.enum_value("TAG", description="By tag; a customer may have several.")


@strawberry.input(
    description="A filter of the customers to count; all conditions must hold. It has only "
    "conditions that many customers share: one that a single customer meets would count that "
    "customer."
)
class CustomerTotalsFilter:
    """A filter of the customers to count."""

    kind: list[CustomerKind] | None = strawberry.field(
        default=None, description="Filter by kind: one of these."
    )
    lifecycle: list[Lifecycle] | None = strawberry.field(
        default=None, description="Filter by lifecycle stage: one of these."
    )
    department_id: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Filter by the id of the owner's department: one of these."
    )
    region: list[str] | None = strawberry.field(
        default=None, description="Filter by region: one of these."
    )
    industry: list[str] | None = strawberry.field(
        default=None, description="Filter by industry: one of these."
    )

    def resolved(self) -> Search:
        """Return the search. Raises `BadInput`."""
        return Search(
            kinds=[kind.name for kind in self.kind or ()],
            lifecycles=[stage.name for stage in self.lifecycle or ()],
            departments=uuids(self.department_id, "filter.departmentId"),
            regions=words(self.region, "filter.region"),
            industries=words(self.industry, "filter.industry"),
        )


@strawberry.type(description="A group of customers with the same value of the dimension.")
class CustomerGroup:
    """A group of customers and its count."""

    key: str | None = strawberry.field(
        description="The value that the customers share: an id for owners, departments and tags; "
        "null: they have no value."
    )
    count: int = strawberry.field(
        description="The number of customers; those that the caller may not see are counted in "
        "whole fives only."
    )
    exact: bool = strawberry.field(
        description="Whether the caller may see all customers of the group, so that the count is "
        "exact."
    )
    owner: User | None = strawberry.field(description="The owner, when grouped by OWNER.")
    department: Department | None = strawberry.field(
        description="The department, when grouped by DEPARTMENT."
    )
    tag: Tag | None = strawberry.field(description="The tag, when grouped by TAG.")


@strawberry.type(description="Counts of customers by group.")
class CustomerTotals:
    """Counts of customers by group."""

    count: int = strawberry.field(
        description="The number of all customers; those that the caller may not see are counted in "
        "whole fives only."
    )
    exact: bool = strawberry.field(
        description="Whether the caller may see all of these customers, so that the count is exact."
    )
    groups: list[CustomerGroup] = strawberry.field(
        description=f"The groups, the largest first, at most {MOST_GROUPS}. A group with fewer "
        f"than {SMALLEST} customers of which the caller may see none is left out."
    )
    more_groups: int = strawberry.field(description="The number of further groups.")


@strawberry.type
class TotalsQuery:
    """The query of totals."""

    @strawberry.field(
        description="Count customers by industry, region, owner, department, tag, kind or "
        "lifecycle. The right to totals may reach further than the right to read; customers that "
        "the caller may not read are counted in whole fives, so that neither a group nor a "
        "difference discloses a single one.",
        metadata=right("Customer", "total"),
    )
    async def customer_totals(
        self,
        info: Info,
        by: Annotated[
            CustomerDimension, strawberry.argument(description="The dimension to group by.")
        ],
        filter: Annotated[
            CustomerTotalsFilter | None,
            strawberry.argument(description="Which customers to count; left out: all of them."),
        ] = None,
    ) -> CustomerTotals:
        """Count customers by group."""
        ctx = info.context
        if by is CustomerDimension.TAG:
            require_all_tags(ctx, "by")
        scope = ctx.scope("Customer", "total")
        seen = ctx.scope("Customer") if ctx.may("Customer") else None
        search = filter.resolved() if filter else Search()
        counts = await ctx.read(store.totals, scope, seen, search, by.name)
        overall = await ctx.read(store.totals, scope, seen, search, None)
        groups, more = rank_disclosed(counts, MOST_GROUPS)
        total = disclose(overall[0] if overall else GroupCount(None, 0, 0))
        tags = await _tags(info, groups) if by is CustomerDimension.TAG else {}
        return CustomerTotals(
            count=total.count,
            exact=total.exact,
            groups=[_group(by, group, tags) for group in groups],
            more_groups=more,
        )


def _group(
    dimension: CustomerDimension, group: DisclosedCount, tags: dict[str, Tag]
) -> CustomerGroup:
    id = uuid_or_none(group.key)
    return CustomerGroup(
        key=group.key,
        count=group.count,
        exact=group.exact,
        owner=User.of(id) if dimension is CustomerDimension.OWNER else None,
        department=Department.of(id) if dimension is CustomerDimension.DEPARTMENT else None,
        tag=tags.get(group.key or ""),
    )


async def _tags(info: Info, groups: list[DisclosedCount]) -> dict[str, Tag]:
    ids = [id for group in groups if (id := uuid_or_none(group.key))]
    rows = await info.context.loaders_of(PoolLoaders).tags.load_many(ids)
    return {str(row.id): Tag.of(row) for row in rows if row}
