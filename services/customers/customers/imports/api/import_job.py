"""The GraphQL types of imports: a table is uploaded, previewed and absorbed in the background."""

from __future__ import annotations

import time
from datetime import datetime
from enum import Enum
from typing import Annotated

import strawberry

from chassis.api.context import Info
from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect
from chassis.api.problems import UserError, user_error
from chassis.errors import BadInput
from customers.core.api.arguments import write_with_retry
from customers.core.api.enums import AbsorbResult
from customers.core.api.stubs import User
from customers.imports import store
from customers.imports.commands import chunk as commands
from customers.imports.commands.chunk import RowResult
from customers.imports.domain.import_job import (
    ERRORS_CSV,
    ERRORS_XLSX,
    TOKEN_SECONDS,
    UPLOAD,
    sign_token,
)
from customers.imports.store import ImportRow, ProblemRow
from customers.pool.api.protected import WHOLE_RECORD
from customers.pool.domain.fields import FIELDS


@strawberry.enum(description="The status of an import.")
class ImportStatus(Enum):
    """The status of an import."""

    AWAITING_FILE = strawberry.enum_value(
        "AWAITING_FILE", description="Waits for its file at uploadUrl."
    )
    READY = strawberry.enum_value(
        "READY", description="The file is there; check the preview, then run it."
    )
    QUEUED = strawberry.enum_value("QUEUED", description="Waits for a worker.")
    RUNNING = strawberry.enum_value("RUNNING", description="Rows are being imported.")
    DONE = strawberry.enum_value("DONE", description="Every row was processed.")
    FAILED = strawberry.enum_value("FAILED", description="It has failed; `problem` says why.")
    CANCELLED = strawberry.enum_value("CANCELLED", description="A user cancelled it.")


@strawberry.enum(description="The format of a file with rows.")
class SheetFormat(Enum):
    """The format of a file with rows."""

    CSV = strawberry.enum_value(
        "CSV", description="CSV in UTF-8 with a byte order mark, as Excel reads it."
    )
    XLSX = strawberry.enum_value("XLSX", description="An Excel workbook.")


@strawberry.type(description="The fields that a column of the file fills.")
class ColumnMapping:
    """The mapping of one column."""

    header: str = strawberry.field(description="The column's header.")
    fields: list[str] = strawberry.field(
        description="The fields it fills: fields of Customer, contact.name, contact.title, "
        "contact.mobile, contact.email, tags, kind, externalId; empty: the column is ignored."
    )


@strawberry.type(description="A problem of one row of the file.")
class ImportProblem:
    """One problem of one row."""

    id: strawberry.ID = strawberry.field(description="The problem's id.")
    row_number: int = strawberry.field(
        description="The number of the row, as the spreadsheet program counts."
    )
    column: str | None = strawberry.field(
        description="The header of the column that holds the value."
    )
    field: str | None = strawberry.field(description="The field that the column fills.")
    code: str = strawberry.field(description="One of the codes in docs/errors.md.")
    message: str = strawberry.field(description="What is wrong, and what would be right.")

    @classmethod
    def of(cls, row: ProblemRow, locale: str) -> ImportProblem:
        """Build a problem in the caller's language."""
        return cls(
            id=strawberry.ID(str(row.id)),
            row_number=row.row_number,
            column=row.column_name,
            field=row.field,
            code=row.code,
            message=row.zh if locale.startswith("zh") else row.en,
        )


@strawberry.type(description="The outcome that one row would have.")
class ImportPreviewRow:
    """The preview of one row."""

    row_number: int = strawberry.field(
        description="The number of the row, as the spreadsheet program counts."
    )
    outcome: AbsorbResult = strawberry.field(description="The outcome the row would have.")
    customer_id: strawberry.ID | None = strawberry.field(
        description="The existing customer that the row would belong to; null for a new one."
    )
    errors: list[UserError] = strawberry.field(description="The problems of the row.")

    @classmethod
    def of(cls, result: RowResult, locale: str) -> ImportPreviewRow:
        """Build the preview of a row in the caller's language."""
        exists = result.outcome not in ("CREATED", "AMBIGUOUS") and result.customer_id
        return cls(
            row_number=result.row_number,
            outcome=AbsorbResult(result.outcome),
            customer_id=strawberry.ID(str(result.customer_id)) if exists else None,
            errors=[user_error(cell.problem, locale) for cell in result.problems],
        )


@strawberry.type(description="An import: a table of customers that is absorbed into the pool.")
class Import:
    """One import and its progress."""

    id: strawberry.ID = strawberry.field(description="The import's id.")
    version: int = strawberry.field(description="Grows with every change.")
    file_name: str = strawberry.field(description="The name of the file.")
    system: str = strawberry.field(
        description="The name of the source that the import's claims belong to."
    )
    status: ImportStatus = strawberry.field(description="The status of the import.")
    started_by: User | None = strawberry.field(description="The user who created it.")
    headers: list[str] | None = strawberry.field(description="The headers of the file's columns.")
    rows_total: int | None = strawberry.field(description="The number of rows in the file.")
    rows_done: int = strawberry.field(description="The number of rows processed so far.")
    created: int = strawberry.field(description="The number of rows that created a customer.")
    updated: int = strawberry.field(
        description="The number of rows that changed a customer they had been imported to before."
    )
    unchanged: int = strawberry.field(description="The number of rows that changed nothing.")
    matched: int = strawberry.field(
        description="The number of rows that were matched to a customer of other sources."
    )
    ambiguous: int = strawberry.field(
        description="The number of rows that a steward has to review."
    )
    rejected: int = strawberry.field(
        description="The number of rows that are invalid and were not imported."
    )
    created_at: datetime = strawberry.field(description="When the import was created.")
    started_at: datetime | None = strawberry.field(description="When it was started.")
    finished_at: datetime | None = strawberry.field(description="When it ended.")
    trace_id: str | None = strawberry.field(description="The trace of its run.")
    row: strawberry.Private[ImportRow]

    @strawberry.field(
        description="The address to send the file to by HTTP PUT, at most 32 MB, within 15 "
        "minutes; null once the import was started."
    )
    def upload_url(self, info: Info) -> str | None:
        """Return a signed upload address for the user who created the import."""
        if self.row.status not in ("AWAITING_FILE", "READY") or not self._is_own(info):
            return None
        return _signed_url(info, self.row, UPLOAD)

    @strawberry.field(
        description="The address of the rejected rows in their own columns, with their problems, "
        "to be corrected and imported again; valid for 15 minutes. Null where there are none, and "
        "for users other than the one who created the import.",
        directives=[WHOLE_RECORD],
    )
    def errors_url(
        self,
        info: Info,
        format: Annotated[
            SheetFormat, strawberry.argument(description="The format of the file.")
        ] = SheetFormat.CSV,
    ) -> str | None:
        """Return a signed address of the rejected rows for the user who created the import."""
        if not self.row.rejected or not self._is_own(info):
            return None
        file = ERRORS_XLSX if format is SheetFormat.XLSX else ERRORS_CSV
        return _signed_url(info, self.row, file)

    @strawberry.field(
        description="How the columns of the file are read; null before the file was received."
    )
    def mapping(self) -> list[ColumnMapping] | None:
        """Return the mapping of the file's columns."""
        if self.row.mapping is None:
            return None
        targets = self.row.mapping["targets"]
        return [
            ColumnMapping(
                header=header, fields=[_graph_name(name) for name in targets.get(header, ())]
            )
            for header in self.row.headers or ()
        ]

    @strawberry.field(description="Why the import failed.")
    def problem(self, info: Info) -> UserError | None:
        """Return the problem of a failed import in the caller's language."""
        problem = self.row.problem
        if problem is None:
            return None
        message = problem["zh"] if info.context.locale.startswith("zh") else problem["en"]
        return UserError(code=problem["code"], message=message, path=[])

    @strawberry.field(
        description="The outcomes that the first rows would have, at most 500; nothing is written."
    )
    async def preview(
        self,
        info: Info,
        first: Annotated[
            int, strawberry.argument(description="The number of rows, 1 to 500.")
        ] = 500,
    ) -> list[ImportPreviewRow]:
        """Return a preview of the first rows."""
        if not 1 <= first <= 500:
            raise BadInput(
                "first must be between 1 and 500.", "first 必须在 1 到 500 之间。", field="first"
            )
        ctx = info.context
        scope = ctx.scope("Customer", "import")
        limit = ctx.runtime.settings.duplicate_checks_a_day
        results = await write_with_retry(
            ctx, commands.preview, scope, self.row.id, ctx.guard.snapshot, limit
        )
        return [ImportPreviewRow.of(result, ctx.locale) for result in results[:first]]

    @strawberry.field(description="The problems of the file, row by row.")
    async def errors(
        self, info: Info, first: First = DEFAULT_FIRST, after: After = None
    ) -> Connection[ImportProblem]:
        """Return a page of the problems of the file."""
        ctx = info.context
        page = await ctx.read(store.problems, self.row.id, Window(first, after))
        connection: Connection[ImportProblem] = connect(
            page, lambda row: ImportProblem.of(store.problem_of(row), ctx.locale)
        )
        return connection

    def _is_own(self, info: Info) -> bool:
        """Check whether the caller created the import.

        The file holds what its owner uploaded, whatever others may see of its customers.
        """
        return self.row.actor_id == info.context.actor.user_id

    @classmethod
    def of(cls, row: ImportRow) -> Import:
        """Build an import from its row."""
        return cls(
            id=strawberry.ID(str(row.id)),
            version=row.version,
            file_name=row.file_name,
            system=row.system,
            status=ImportStatus(row.status),
            started_by=User.of(row.actor_id),
            headers=row.headers,
            rows_total=row.rows_total,
            rows_done=row.rows_done,
            created=row.created,
            updated=row.updated,
            unchanged=row.unchanged,
            matched=row.matched,
            ambiguous=row.ambiguous,
            rejected=row.rejected,
            created_at=row.created_at,
            started_at=row.started_at,
            finished_at=row.finished_at,
            trace_id=row.trace_id,
            row=row,
        )


def _signed_url(info: Info, row: ImportRow, file: str) -> str:
    expires = int(time.time()) + TOKEN_SECONDS
    address = info.context.runtime.settings.address
    return f"{address}/imports/{row.id}/{file}?token={sign_token(row.secret, file, expires)}"


def _graph_name(target: str) -> str:
    if target == "external_id":
        return "externalId"
    return FIELDS[target].graph_name if target in FIELDS else target
