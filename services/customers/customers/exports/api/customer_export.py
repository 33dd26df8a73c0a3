"""The GraphQL types of exports: customers that leave the pool as a file."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Annotated

import orjson
import strawberry

from chassis.api.context import Info
from chassis.api.problems import UserError
from chassis.policy.scope import Scope
from customers.core.api.stubs import User
from customers.exports.commands.events import OBJECT
from customers.exports.commands.request import Estimate
from customers.exports.domain.customer_export import COLUMNS, Column
from customers.exports.store.customer_export import ExportRow
from customers.imports.api.import_job import SheetFormat
from customers.pool.api.customer_query import CustomerFilter


@strawberry.enum(description="The status of an export.")
class ExportStatus(Enum):
    """The status of an export."""

    AWAITING_APPROVAL = strawberry.enum_value(
        "AWAITING_APPROVAL", description="Waits for the decision of a user who may approve exports."
    )
    QUEUED = strawberry.enum_value("QUEUED", description="Waits for a worker.")
    RUNNING = strawberry.enum_value("RUNNING", description="The file is being made.")
    READY = strawberry.enum_value("READY", description="The requester may download the file.")
    REJECTED = strawberry.enum_value(
        "REJECTED", description="An approver rejected it; `note` says why."
    )
    CANCELLED = strawberry.enum_value("CANCELLED", description="Its requester cancelled it.")
    FAILED = strawberry.enum_value(
        "FAILED", description="The file could not be made; `problem` says why."
    )
    REVOKED = strawberry.enum_value("REVOKED", description="It was revoked; the file is deleted.")
    EXPIRED = strawberry.enum_value("EXPIRED", description="It has expired; the file is deleted.")


@strawberry.enum(
    description="The purpose for which personal data leaves the pool (PIPL, article 6)."
)
class ExportPurpose(Enum):
    """The purpose of an export."""

    CONTRACT = strawberry.enum_value("CONTRACT", description="To conclude or perform a contract.")
    SERVICE = strawberry.enum_value("SERVICE", description="To serve customers.")
    MARKETING = strawberry.enum_value("MARKETING", description="To send offers.")
    ANALYSIS = strawberry.enum_value("ANALYSIS", description="To count and compare.")
    DATA_QUALITY = strawberry.enum_value(
        "DATA_QUALITY", description="To check and correct the data."
    )
    LEGAL = strawberry.enum_value("LEGAL", description="Because law or an authority demands it.")
    OTHER = strawberry.enum_value("OTHER", description="Another purpose, stated in `reason`.")


@strawberry.type(description="A column that an export may have.")
class ExportColumn:
    """A column of an export's file."""

    name: str = strawberry.field(description="The column's name in arguments.")
    header: str = strawberry.field(description="The column's header in the file.")
    sensitive: bool = strawberry.field(
        description="Whether an export with the column always needs approval."
    )

    @classmethod
    def of(cls, column: Column, locale: str) -> ExportColumn:
        """Build a column with its header in the caller's language."""
        return cls(name=column.name, header=column.header(locale), sensitive=column.sensitive)


@strawberry.type(description="What an export would hold, without requesting it.")
class ExportEstimate:
    """The size of an export and what is left of the caller's quota."""

    rows: int = strawberry.field(
        description="The number of customers it would hold; one more than the maximum means that "
        "there are too many."
    )
    columns: list[ExportColumn] = strawberry.field(description="Its columns, in their order.")
    needs_approval: bool = strawberry.field(description="Whether another user has to approve it.")
    exports_left: int = strawberry.field(
        description="The number of exports left of the caller's quota."
    )
    rows_left: int = strawberry.field(
        description="The number of exported customers left of the caller's quota."
    )
    quota_days: int = strawberry.field(description="The number of days that the quota is for.")

    @classmethod
    def of(cls, estimate: Estimate, info: Info) -> ExportEstimate:
        """Build an estimate for the caller."""
        settings = info.context.runtime.settings
        return cls(
            rows=estimate.rows,
            columns=[ExportColumn.of(column, info.context.locale) for column in estimate.columns],
            needs_approval=estimate.needs_approval,
            exports_left=max(settings.export_quota - estimate.usage.exports, 0),
            rows_left=max(settings.export_quota_rows - estimate.usage.rows, 0),
            quota_days=settings.export_quota_days,
        )


@strawberry.type(description="An export: customers that leave the pool as a file.")
class CustomerExport:
    """One export and its status."""

    id: strawberry.ID = strawberry.field(
        description="The export's id, which is also written into its workbook."
    )
    version: int = strawberry.field(
        description="Grows with every change; pass it as expectedVersion on decisions."
    )
    status: ExportStatus = strawberry.field(description="The status of the export.")
    requested_by: User | None = strawberry.field(
        description="The user who requested it and may download it."
    )
    format: SheetFormat = strawberry.field(description="The format of the file.")
    filter: str = strawberry.field(description="The filter of customers, as JSON.")
    reason: str = strawberry.field(description="What the file is for, stated by the requester.")
    purpose: ExportPurpose = strawberry.field(description="The purpose of the export.")
    sensitive: bool = strawberry.field(description="Whether any column is sensitive.")
    decided_by: User | None = strawberry.field(description="The user who approved or rejected it.")
    decided_at: datetime | None = strawberry.field(description="When it was approved or rejected.")
    note: str | None = strawberry.field(description="The remark of the user who decided.")
    rows_expected: int = strawberry.field(
        description="The number of customers when it was requested."
    )
    rows_done: int = strawberry.field(
        description="The number of customers written into the file so far."
    )
    rows: int | None = strawberry.field(description="The number of customers in the file.")
    size: float | None = strawberry.field(description="The size of the file in bytes.")
    made_at: datetime | None = strawberry.field(
        description="The moment whose state the file shows."
    )
    policy_version: int | None = strawberry.field(
        description="The policy version under which the file was made."
    )
    downloads: int = strawberry.field(description="How often the file was downloaded.")
    expires_at: datetime = strawberry.field(description="When the export expires.")
    ended_by: User | None = strawberry.field(
        description="The user who ended it; null: it has not ended, or ended by itself."
    )
    created_at: datetime = strawberry.field(description="When it was requested.")
    finished_at: datetime | None = strawberry.field(
        description="When the file was made, or the export ended."
    )
    trace_id: str | None = strawberry.field(description="The trace that made the file.")
    row: strawberry.Private[ExportRow]

    @strawberry.field(description="Its columns, in their order.")
    def columns(self, info: Info) -> list[ExportColumn]:
        """Return the columns of the file."""
        return [ExportColumn.of(COLUMNS[name], info.context.locale) for name in self.row.columns]

    @strawberry.field(description="Why the file could not be made.")
    def problem(self, info: Info) -> UserError | None:
        """Return the problem of a failed export in the caller's language."""
        problem = self.row.problem
        if problem is None:
            return None
        message = problem["zh"] if info.context.locale.startswith("zh") else problem["en"]
        return UserError(code=problem["code"], message=message, path=[])

    @classmethod
    def of(cls, row: ExportRow) -> CustomerExport:
        """Build an export from its row."""
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


ExportId = Annotated[strawberry.ID, strawberry.argument(description="The export's id.")]
Filter = Annotated[
    CustomerFilter | None,
    strawberry.argument(
        description="Which customers to export; left out: all that the caller may export."
    ),
]
ColumnNames = Annotated[
    list[str],
    strawberry.argument(
        description=f"Names of columns among {', '.join(COLUMNS)}. `name` is always included. With "
        "columns of contacts the file has a row for each contact."
    ),
]


def others_scope(info: Info) -> Scope | None:
    """Return the caller's scope for exports of other users, if they have one."""
    for action in ("read", "approve"):
        if info.context.may(OBJECT, action):
            return info.context.scope(OBJECT, action)
    return None
