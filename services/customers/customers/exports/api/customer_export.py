"""Exports: asked for with a reason, allowed by a second person, fetched once an address, ended at will."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated

import orjson
import strawberry

from chassis.api.context import Info
from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect
from chassis.api.problems import UserError, answers
from chassis.api.rights import right
from chassis.policy.scope import Scope
from customers.core.api.arguments import ExpectedVersion, IdempotencyKey, write_with_retry
from customers.core.api.ids import uuid
from customers.core.api.stubs import User
from customers.exports.commands import decision as commands, file as files
from customers.exports.commands.decision import OBJECT, Estimate, Wish
from customers.exports.domain.customer_export import COLUMNS, Column
from customers.exports.store import customer_export as store
from customers.exports.store.customer_export import ExportRow
from customers.imports.api.import_job import SheetFormat
from customers.pool.api.customer_query import CustomerFilter
from customers.pool.store.customer import Search


@strawberry.enum(description="How far an export is.")
class ExportStatus(Enum):
    AWAITING_APPROVAL = strawberry.enum_value(
        "AWAITING_APPROVAL", description="Somebody who may approve exports has to decide."
    )
    QUEUED = strawberry.enum_value("QUEUED", description="Waits for a worker.")
    RUNNING = strawberry.enum_value("RUNNING", description="The file is being made.")
    READY = strawberry.enum_value("READY", description="Its requester may download it.")
    REJECTED = strawberry.enum_value("REJECTED", description="`note` says why.")
    CANCELLED = strawberry.enum_value("CANCELLED", description="Its requester gave it up.")
    FAILED = strawberry.enum_value("FAILED", description="`problem` says why.")
    REVOKED = strawberry.enum_value("REVOKED", description="It was taken back; the file is gone.")
    EXPIRED = strawberry.enum_value("EXPIRED", description="Its time is over; the file is gone.")


@strawberry.enum(description="To what end personal data leaves the pool (PIPL, article 6).")
class ExportPurpose(Enum):
    CONTRACT = strawberry.enum_value("CONTRACT", description="To make or keep a contract.")
    SERVICE = strawberry.enum_value("SERVICE", description="To look after customers.")
    MARKETING = strawberry.enum_value("MARKETING", description="To tell of offers.")
    ANALYSIS = strawberry.enum_value("ANALYSIS", description="To count and compare.")
    DATA_QUALITY = strawberry.enum_value("DATA_QUALITY", description="To check and correct.")
    LEGAL = strawberry.enum_value("LEGAL", description="Because law or an authority demands it.")
    OTHER = strawberry.enum_value("OTHER", description="As `reason` says.")


@strawberry.type(description="A column that an export may have.")
class ExportColumn:
    name: str = strawberry.field(description="What it is called here.")
    header: str = strawberry.field(description="What stands above it in the file.")
    sensitive: bool = strawberry.field(description="Whether it makes approval necessary.")

    @classmethod
    def of(cls, column: Column, locale: str) -> ExportColumn:
        return cls(name=column.name, header=column.header(locale), sensitive=column.sensitive)


@strawberry.type(description="What an export would be. Nothing was asked for yet.")
class ExportEstimate:
    rows: int = strawberry.field(
        description="How many customers it would hold; one more than allowed means too many."
    )
    columns: list[ExportColumn] = strawberry.field(description="Its columns, in their order.")
    needs_approval: bool = strawberry.field(description="Whether a second person has to agree.")
    exports_left: int = strawberry.field(description="How many exports you may still have.")
    rows_left: int = strawberry.field(description="How many customers those may still hold.")
    quota_days: int = strawberry.field(description="In how many days those limits hold.")

    @classmethod
    def of(cls, found: Estimate, info: Info) -> ExportEstimate:
        settings = info.context.runtime.settings
        return cls(
            rows=found.rows,
            columns=[ExportColumn.of(column, info.context.locale) for column in found.columns],
            needs_approval=found.needs_approval,
            exports_left=max(settings.export_quota - found.used.exports, 0),
            rows_left=max(settings.export_quota_rows - found.used.rows, 0),
            quota_days=settings.export_quota_days,
        )


@strawberry.type(description="Customers that leave the pool as a file.")
class CustomerExport:
    id: strawberry.ID = strawberry.field(description="The export's id; it stands in the workbook.")
    version: int = strawberry.field(description="Grows with every change.")
    status: ExportStatus = strawberry.field(description="How far it is.")
    requested_by: User | None = strawberry.field(description="Who asked for it and may fetch it.")
    format: SheetFormat = strawberry.field(description="As what the file is made.")
    filter: str = strawberry.field(description="Which customers, as JSON.")
    reason: str = strawberry.field(description="What it is for, in the requester's words.")
    purpose: ExportPurpose = strawberry.field(description="To what end.")
    sensitive: bool = strawberry.field(description="Whether any column is sensitive.")
    decided_by: User | None = strawberry.field(description="Who approved or rejected it.")
    decided_at: datetime | None = strawberry.field(description="When that was.")
    note: str | None = strawberry.field(description="What they said.")
    rows_expected: int = strawberry.field(description="How many customers when it was asked for.")
    rows_done: int = strawberry.field(description="How many are in the file so far.")
    rows: int | None = strawberry.field(description="How many the file holds.")
    size: float | None = strawberry.field(description="How many bytes the file has.")
    made_at: datetime | None = strawberry.field(description="Of which moment the file is.")
    policy_version: int | None = strawberry.field(description="Under which policy it was made.")
    downloads: int = strawberry.field(description="How often it was downloaded.")
    expires_at: datetime = strawberry.field(description="When it ends by itself.")
    ended_by: User | None = strawberry.field(description="Who ended it; null: it ended itself.")
    created_at: datetime = strawberry.field(description="When it was asked for.")
    finished_at: datetime | None = strawberry.field(description="When it was made, or ended.")
    trace_id: str | None = strawberry.field(description="The trace of its making.")
    row: strawberry.Private[ExportRow]

    @strawberry.field(description="Its columns, in their order.")
    def columns(self, info: Info) -> list[ExportColumn]:
        return [ExportColumn.of(COLUMNS[name], info.context.locale) for name in self.row.columns]

    @strawberry.field(description="Why it failed.")
    def problem(self, info: Info) -> UserError | None:
        found = self.row.problem
        if found is None:
            return None
        message = found["zh"] if info.context.locale.startswith("zh") else found["en"]
        return UserError(code=found["code"], message=message, path=[])

    @classmethod
    def of(cls, row: ExportRow) -> CustomerExport:
        return cls(
            id=strawberry.ID(str(row.id)),
            version=row.version,
            status=ExportStatus(row.status),
            requested_by=User.of(row.actor_id),
            format=SheetFormat(row.format),
            filter=orjson.dumps(row.filter).decode(),
            reason=row.reason,
            purpose=ExportPurpose(row.purpose),
            sensitive=row.sensitive,
            decided_by=User.of(row.decided_by),
            decided_at=row.decided_at,
            note=row.note,
            rows_expected=row.rows_expected,
            rows_done=row.rows_done,
            rows=row.rows_total,
            size=row.size,
            made_at=row.made_at,
            policy_version=row.policy_version,
            downloads=row.downloads,
            expires_at=row.expires_at,
            ended_by=User.of(row.ended_by),
            created_at=row.created_at,
            finished_at=row.finished_at,
            trace_id=row.trace_id,
            row=row,
        )


@strawberry.type(description="The export after a step, or why that was refused.")
class CustomerExportPayload:
    export: CustomerExport | None = strawberry.field(default=None, description="As it is now.")
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was done; empty: it was done."
    )


@strawberry.type(description="Where the file is, or why it is not to be had.")
class ExportDownloadPayload:
    url: str | None = strawberry.field(
        default=None,
        description="Opens the file once, for its requester; answers 410 after that.",
    )
    expires_at: datetime | None = strawberry.field(
        default=None, description="Until when the address works."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why there is no address; empty: there is."
    )


ExportId = Annotated[strawberry.ID, strawberry.argument(description="The export's id.")]
Note = Annotated[
    str, strawberry.argument(description="What there is to say, in at most 1000 characters.")
]
Filter = Annotated[
    CustomerFilter | None,
    strawberry.argument(description="Which customers; left out: all that you may export."),
]
ColumnNames = Annotated[
    list[str],
    strawberry.argument(
        description=f"Some of {', '.join(COLUMNS)}. `name` is always there. With columns of "
        "contacts there is a row for each contact."
    ),
]


@strawberry.type
class CustomerExportQuery:
    @strawberry.field(
        description="One export; null where it is neither yours nor yours to look after."
    )
    async def customer_export(self, info: Info, id: ExportId) -> CustomerExport | None:
        row = await info.context.read(store.by_id, uuid(id, "id"))
        me = info.context.actor.user_id
        return CustomerExport.of(row) if row and store.may_see(me, _others(info), row) else None

    @strawberry.field(
        description="Exports, newest first: your own, and those of the people whose exports you "
        "may read."
    )
    async def customer_exports(
        self,
        info: Info,
        status: Annotated[
            list[ExportStatus] | None, strawberry.argument(description="Only those that are here.")
        ] = None,
        requested_by: Annotated[
            strawberry.ID | None, strawberry.argument(description="Only those of this user.")
        ] = None,
        customer_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="Only those whose files held this customer."),
        ] = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[CustomerExport]:
        found = await info.context.read(
            store.listed,
            info.context.actor.user_id,
            _others(info),
            Window(first, after),
            [one.name for one in status or ()],
            uuid(requested_by, "requestedBy") if requested_by else None,
            uuid(customer_id, "customerId") if customer_id else None,
        )
        rows = await info.context.read(store.by_ids, [row.id for row in found.rows])
        answer: Connection[CustomerExport] = connect(
            found, lambda row: CustomerExport.of(rows[row.id])
        )
        return answer

    @strawberry.field(
        description="What an export would be, whether it needs approval, and what is left of your "
        "quota. Nothing is written.",
        metadata=right("Customer", "export"),
    )
    async def customer_export_estimate(
        self, info: Info, columns: ColumnNames, filter: Filter = None
    ) -> ExportEstimate:
        ctx = info.context
        search = filter.resolved(info.context) if filter else Search()
        found = await ctx.read(
            commands.estimate, ctx.permissions, ctx.actor, search, columns, ctx.runtime.settings
        )
        return ExportEstimate.of(found, info)


@strawberry.type
class CustomerExportMutation:
    @strawberry.mutation(
        description="Asks for customers as a file. Somebody else has to approve it, unless the "
        "settings let small files without sensitive columns go. The file holds what the policy "
        "shows its requester when it is downloaded, and its requester's watermark.",
        metadata=right("Customer", "export"),
    )
    @answers(CustomerExportPayload)
    async def request_customer_export(
        self,
        info: Info,
        columns: ColumnNames,
        reason: Annotated[
            str, strawberry.argument(description="What it is for, in 4 to 1000 characters.")
        ],
        purpose: Annotated[ExportPurpose, strawberry.argument(description="To what end.")],
        filter: Filter = None,
        format: Annotated[
            SheetFormat, strawberry.argument(description="As what.")
        ] = SheetFormat.XLSX,
        idempotency_key: IdempotencyKey = None,
    ) -> CustomerExportPayload:
        ctx = info.context
        search = filter.resolved(info.context) if filter else Search()
        wish = Wish(search, columns, format.name, reason, purpose.name, idempotency_key)
        id = await write_with_retry(
            ctx, commands.request, ctx.permissions, ctx.actor, wish, ctx.runtime.settings
        )
        return await _payload(info, id)

    @strawberry.mutation(
        description="Lets an export be made. Nobody approves their own.",
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
        return await _decided(info, id, True, note, expected_version)

    @strawberry.mutation(
        description="Refuses an export, and says why. Nobody decides about their own.",
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
        return await _decided(info, id, False, note, expected_version)

    @strawberry.mutation(description="Gives up an export of one's own; a file it has is gone.")
    @answers(CustomerExportPayload)
    async def cancel_customer_export(self, info: Info, id: ExportId) -> CustomerExportPayload:
        ctx = info.context
        version = ctx.permissions.version
        await ctx.write(commands.cancel, ctx.actor, uuid(id, "id"), version)
        return await _payload(info, uuid(id, "id"))

    @strawberry.mutation(
        description="Takes an export back, one's own or one that may be approved: file and "
        "addresses are gone at once, also in the middle of a download."
    )
    @answers(CustomerExportPayload)
    async def revoke_customer_export(self, info: Info, id: ExportId) -> CustomerExportPayload:
        ctx = info.context
        approver = ctx.scope(OBJECT, "approve") if ctx.may(OBJECT, "approve") else None
        version = ctx.permissions.version
        await ctx.write(commands.revoke, ctx.actor, approver, uuid(id, "id"), version)
        return await _payload(info, uuid(id, "id"), approver)

    @strawberry.mutation(
        description="An address that opens the file once, for its requester, for a short time.",
        metadata=right("Customer", "export"),
    )
    @answers(ExportDownloadPayload)
    async def download_customer_export(self, info: Info, id: ExportId) -> ExportDownloadPayload:
        ctx = info.context
        settings = ctx.runtime.settings
        ticket = await ctx.write(
            files.issue,
            ctx.actor,
            _others(info),
            uuid(id, "id"),
            settings.export_downloads,
            settings.export_link_seconds,
            int(time.time()),
        )
        return ExportDownloadPayload(
            url=f"{settings.address}/exports/{uuid(id, 'id')}/file?ticket={ticket}",
            expires_at=datetime.fromtimestamp(ticket.expires, UTC),
        )


async def _decided(
    info: Info, id: str, approve: bool, note: str, expected: int | None
) -> CustomerExportPayload:
    ctx = info.context
    scope = ctx.scope(OBJECT, "approve")
    found = await ctx.write(
        commands.decide,
        scope,
        uuid(id, "id"),
        approve=approve,
        note=note,
        expected=expected,
        settings=ctx.runtime.settings,
    )
    return await _payload(info, found, scope)


def _others(info: Info) -> Scope | None:
    """The proof for exports of others, if there is one."""
    for action in ("read", "approve"):
        if info.context.may(OBJECT, action):
            return info.context.scope(OBJECT, action)
    return None


async def _payload(info: Info, id: object, others: Scope | None = None) -> CustomerExportPayload:
    wanted = uuid(str(id), "id")
    seen = others or _others(info)
    row = await info.context.read(commands.seen, info.context.actor.user_id, seen, wanted)
    return CustomerExportPayload(export=CustomerExport.of(row))
