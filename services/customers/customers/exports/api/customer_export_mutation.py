"""Mutations of exports: request, approve, reject, cancel, revoke and download them."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import strawberry

from chassis.api.context import Info
from chassis.api.problems import UserError, answers
from chassis.api.rights import right
from chassis.policy.scope import Scope
from customers.core.api.arguments import ExpectedVersion, IdempotencyKey, write_with_retry
from customers.core.api.ids import uuid
from customers.exports.api.customer_export import (
    ColumnNames,
    CustomerExport,
    ExportId,
    ExportPurpose,
    Filter,
    others_scope,
)
from customers.exports.commands import decision, file as files, request as requests
from customers.exports.commands.events import OBJECT
from customers.exports.commands.request import ExportRequest
from customers.exports.commands.visible_export import load_visible
from customers.imports.api.import_job import SheetFormat
from customers.pool.store.customer_search import Search


@strawberry.type(description="The export after a mutation, or why the mutation was refused.")
class CustomerExportPayload:
    """The result of an export mutation."""

    export: CustomerExport | None = strawberry.field(
        default=None, description="The export as it is now."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was written; empty on success."
    )


@strawberry.type(description="The address of an export's file, or why there is none.")
class ExportDownloadPayload:
    """The result of requesting a download address."""

    url: str | None = strawberry.field(
        default=None,
        description="The address opens the file once, for the requester only; afterwards it "
        "answers 410.",
    )
    expires_at: datetime | None = strawberry.field(
        default=None, description="When the address expires."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why there is no address; empty on success."
    )


Note = Annotated[
    str, strawberry.argument(description="A remark for the requester, at most 1000 characters.")
]


@strawberry.type
class CustomerExportMutation:
    """Mutations of exports."""

    @strawberry.mutation(
        description="Request customers as a file. Another user has to approve it, unless the "
        "settings exempt small files without sensitive columns. The file holds what the policy "
        "shows its requester at the time of the download, and carries the requester's watermark.",
        metadata=right("Customer", "export"),
    )
    @answers(CustomerExportPayload)
    async def request_customer_export(
        self,
        info: Info,
        columns: ColumnNames,
        reason: Annotated[
            str,
            strawberry.argument(description="What the file is for, in 4 to 1000 characters."),
        ],
        purpose: Annotated[
            ExportPurpose, strawberry.argument(description="The purpose of the export.")
        ],
        filter: Filter = None,
        format: Annotated[
            SheetFormat, strawberry.argument(description="The format of the file.")
        ] = SheetFormat.XLSX,
        idempotency_key: IdempotencyKey = None,
    ) -> CustomerExportPayload:
        """Request an export."""
        ctx = info.context
        search = filter.resolved(ctx) if filter else Search()
        export_request = ExportRequest(
            search, columns, format.name, reason, purpose.name, idempotency_key
        )
        id = await write_with_retry(
            ctx, requests.request, ctx.permissions, ctx.actor, export_request, ctx.runtime.settings
        )
        return await _payload(info, id)

    @strawberry.mutation(
        description="Approve an export, so that its file is made. Users cannot approve their own.",
        metadata=right(OBJECT, "approve"),
    )
    @answers(CustomerExportPayload)
    async def approve_customer_export(
        self,
        info: Info,
        id: ExportId,
        note: Note = "",
        expected_version: ExpectedVersion = None,
    ) -> CustomerExportPayload:
        """Approve an export of another user."""
        return await _decide(info, id, True, note, expected_version)

    @strawberry.mutation(
        description="Reject an export with a reason. Users cannot reject their own.",
        metadata=right(OBJECT, "approve"),
    )
    @answers(CustomerExportPayload)
    async def reject_customer_export(
        self,
        info: Info,
        id: ExportId,
        note: Note,
        expected_version: ExpectedVersion = None,
    ) -> CustomerExportPayload:
        """Reject an export of another user."""
        return await _decide(info, id, False, note, expected_version)

    @strawberry.mutation(description="Cancel one of the caller's own exports; its file is deleted.")
    @answers(CustomerExportPayload)
    async def cancel_customer_export(self, info: Info, id: ExportId) -> CustomerExportPayload:
        """Cancel an export of the caller."""
        ctx = info.context
        version = ctx.permissions.version
        await ctx.write(decision.cancel, ctx.actor, uuid(id, "id"), version)
        return await _payload(info, uuid(id, "id"))

    @strawberry.mutation(
        description="Revoke an export, the caller's own or one that the caller may approve: its "
        "file and addresses end at once, also in the middle of a download."
    )
    @answers(CustomerExportPayload)
    async def revoke_customer_export(self, info: Info, id: ExportId) -> CustomerExportPayload:
        """Revoke an export."""
        ctx = info.context
        approver = ctx.scope(OBJECT, "approve") if ctx.may(OBJECT, "approve") else None
        version = ctx.permissions.version
        await ctx.write(decision.revoke, ctx.actor, approver, uuid(id, "id"), version)
        return await _payload(info, uuid(id, "id"), approver)

    @strawberry.mutation(
        description="Return an address that opens the file once, for the requester, for a short "
        "time.",
        metadata=right("Customer", "export"),
    )
    @answers(ExportDownloadPayload)
    async def download_customer_export(self, info: Info, id: ExportId) -> ExportDownloadPayload:
        """Issue a download address to the requester."""
        ctx = info.context
        settings = ctx.runtime.settings
        ticket = await ctx.write(
            files.issue,
            ctx.actor,
            others_scope(info),
            uuid(id, "id"),
            settings.export_downloads,
            settings.export_link_seconds,
            int(time.time()),
        )
        return ExportDownloadPayload(
            url=f"{settings.address}/exports/{uuid(id, 'id')}/file?ticket={ticket}",
            expires_at=datetime.fromtimestamp(ticket.expires, UTC),
        )


async def _decide(
    info: Info, id: str, approve: bool, note: str, expected: int | None
) -> CustomerExportPayload:
    ctx = info.context
    scope = ctx.scope(OBJECT, "approve")
    decided = await ctx.write(
        decision.decide,
        scope,
        uuid(id, "id"),
        approve=approve,
        note=note,
        expected=expected,
        settings=ctx.runtime.settings,
    )
    return await _payload(info, decided, scope)


async def _payload(info: Info, id: UUID, others: Scope | None = None) -> CustomerExportPayload:
    scope = others or others_scope(info)
    row = await info.context.read(load_visible, info.context.actor.user_id, scope, id)
    return CustomerExportPayload(export=CustomerExport.of(row))
