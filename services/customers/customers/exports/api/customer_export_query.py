"""Queries of exports: one export, lists of exports, and estimates of future ones."""

from __future__ import annotations

from typing import Annotated

import strawberry

from chassis.api.context import Info
from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect
from chassis.api.rights import right
from customers.core.api.ids import uuid
from customers.exports.api.customer_export import (
    ColumnNames,
    CustomerExport,
    ExportEstimate,
    ExportId,
    ExportStatus,
    Filter,
    others_scope,
)
from customers.exports.commands import request as commands
from customers.exports.store import customer_export as store
from customers.pool.store.customer_search import Search


@strawberry.type
class CustomerExportQuery:
    """Queries of exports."""

    @strawberry.field(
        description="One export; null where it belongs to another user and the caller may not read "
        "exports of that user."
    )
    async def customer_export(self, info: Info, id: ExportId) -> CustomerExport | None:
        """Return one export that the caller may see."""
        row = await info.context.read(store.by_id, uuid(id, "id"))
        user_id = info.context.actor.user_id
        if row is None or not store.may_see(user_id, others_scope(info), row):
            return None
        return CustomerExport.of(row)

    @strawberry.field(
        description="Exports, newest first: the caller's own, and those of users whose exports the "
        "caller may read."
    )
    async def customer_exports(
        self,
        info: Info,
        status: Annotated[
            list[ExportStatus] | None,
            strawberry.argument(description="Filter by status: one of these."),
        ] = None,
        requested_by: Annotated[
            strawberry.ID | None, strawberry.argument(description="Filter by the requester's id.")
        ] = None,
        customer_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(
                description="Filter by a customer's id: exports whose file held that customer."
            ),
        ] = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[CustomerExport]:
        """Return a page of the exports that the caller may see."""
        page = await info.context.read(
            store.list_page,
            info.context.actor.user_id,
            others_scope(info),
            Window(first, after),
            [choice.name for choice in status or ()],
            uuid(requested_by, "requestedBy") if requested_by else None,
            uuid(customer_id, "customerId") if customer_id else None,
        )
        rows = await info.context.read(store.by_ids, [row.id for row in page.rows])
        connection: Connection[CustomerExport] = connect(
            page, lambda row: CustomerExport.of(rows[row.id])
        )
        return connection

    @strawberry.field(
        description="Estimate an export: its size, whether it needs approval, and what is left of "
        "the caller's quota. Nothing is written.",
        metadata=right("Customer", "export"),
    )
    async def customer_export_estimate(
        self, info: Info, columns: ColumnNames, filter: Filter = None
    ) -> ExportEstimate:
        """Estimate an export without requesting it."""
        ctx = info.context
        search = filter.resolved(ctx) if filter else Search()
        estimate = await ctx.read(
            commands.estimate, ctx.permissions, ctx.actor, search, columns, ctx.runtime.settings
        )
        return ExportEstimate.of(estimate, info)
