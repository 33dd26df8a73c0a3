"""Customers of a project: what people on it see of each other's work."""

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
    strawberry.argument(description=f"Customers by their ids, 1 to {MOST_AT_ONCE}."),
]


@strawberry.type(description="The customers that changed, or why none did.")
class ProjectCustomersPayload:
    customers: list[Customer] = strawberry.field(
        default_factory=list, description="Those that changed and that you may see."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was written; empty on success."
    )


@strawberry.type
class ProjectMutation:
    @strawberry.mutation(
        description="Let customers belong to a project that you are on (or to any, if you may "
        "change all projects). Its members reach them as far as rules with the rows `project` go. "
        "All of them or none.",
        metadata=right("Customer", "update"),
    )
    @answers(ProjectCustomersPayload)
    async def add_customers_to_project(
        self, info: Info, project_id: ProjectId, customer_ids: Customers
    ) -> ProjectCustomersPayload:
        ctx, project = info.context, uuid(project_id, "projectId")
        scope, ids = ctx.scope("Customer", "update"), uuids(customer_ids, "customerIds")
        changed = await write_with_retry(ctx, commands.add, scope, project, ids, ctx.guard.snapshot)
        return await _answered(info, changed)

    @strawberry.mutation(
        description="Let customers belong to a project no longer. All of them or none.",
        metadata=right("Customer", "update"),
    )
    @answers(ProjectCustomersPayload)
    async def remove_customers_from_project(
        self, info: Info, project_id: ProjectId, customer_ids: Customers
    ) -> ProjectCustomersPayload:
        ctx, project = info.context, uuid(project_id, "projectId")
        scope, ids = ctx.scope("Customer", "update"), uuids(customer_ids, "customerIds")
        return await _answered(
            info, await write_with_retry(ctx, commands.remove, scope, project, ids)
        )


async def _answered(info: Info, ids: Sequence[UUID]) -> ProjectCustomersPayload:
    if not info.context.may("Customer"):
        return ProjectCustomersPayload()
    loaders = info.context.loaders_of(PoolLoaders)
    loaders.customers.clear_all()
    found = await loaders.customers.load_many(list(ids))
    return ProjectCustomersPayload(customers=[Customer.of(row, loaders) for row in found if row])
