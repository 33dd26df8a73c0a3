"""Mutations that add customers to a project, whose members share them, and remove them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import strawberry

from chassis.api.context import Info
from chassis.api.problems import UserError, answers
from chassis.api.rights import right
from customers.core.api.arguments import write_with_retry
from customers.core.api.ids import uuid, uuids
from customers.pool.api.customer import Customer
from customers.pool.api.loaders import PoolLoaders
from customers.projects import commands
from customers.projects.commands import MOST_AT_ONCE

ProjectId = Annotated[strawberry.ID, strawberry.argument(description="The project's id.")]
Customers = Annotated[
    list[strawberry.ID],
    strawberry.argument(description=f"The ids of 1 to {MOST_AT_ONCE} customers."),
]


@strawberry.type(description="The customers that changed, or why none did.")
class ProjectCustomersPayload:
    """The result of adding customers to a project or removing them."""

    customers: list[Customer] = strawberry.field(
        default_factory=list,
        description="The customers that changed, as far as the caller may see them.",
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was written; empty on success."
    )


@strawberry.type
class ProjectMutation:
    """Mutations of the customers of a project."""

    @strawberry.mutation(
        description="Add customers to a project of which the caller is a member, or to any project "
        "if the caller may change all projects. Its members reach them by rules with the row scope "
        "`project`. All customers are added, or none.",
        metadata=right("Customer", "update"),
    )
    @answers(ProjectCustomersPayload)
    async def add_customers_to_project(
        self, info: Info, project_id: ProjectId, customer_ids: Customers
    ) -> ProjectCustomersPayload:
        """Add customers to a project."""
        ctx, project = info.context, uuid(project_id, "projectId")
        scope, ids = ctx.scope("Customer", "update"), uuids(customer_ids, "customerIds")
        changed = await write_with_retry(ctx, commands.add, scope, project, ids, ctx.guard.snapshot)
        return await _payload(info, changed)

    @strawberry.mutation(
        description="Remove customers from a project. All customers are removed, or none.",
        metadata=right("Customer", "update"),
    )
    @answers(ProjectCustomersPayload)
    async def remove_customers_from_project(
        self, info: Info, project_id: ProjectId, customer_ids: Customers
    ) -> ProjectCustomersPayload:
        """Remove customers from a project."""
        ctx, project = info.context, uuid(project_id, "projectId")
        scope, ids = ctx.scope("Customer", "update"), uuids(customer_ids, "customerIds")
        changed = await write_with_retry(ctx, commands.remove, scope, project, ids)
        return await _payload(info, changed)


async def _payload(info: Info, ids: Sequence[UUID]) -> ProjectCustomersPayload:
    if not info.context.may("Customer"):
        return ProjectCustomersPayload()
    loaders = info.context.loaders_of(PoolLoaders)
    loaders.customers.clear_all()
    rows = await loaders.customers.load_many(list(ids))
    return ProjectCustomersPayload(customers=[Customer.of(row, loaders) for row in rows if row])
