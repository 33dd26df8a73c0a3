"""Imports: a file comes in, is looked at, runs in the background, and its wrong rows go out again."""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from datetime import datetime
from enum import Enum
from typing import Annotated

import strawberry

from chassis.api.context import Info
from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect
from chassis.api.problems import UserError, answers, user_error
from chassis.api.rights import right
from chassis.errors import BadInput, LimitExceeded
from customers.core.api.arguments import IdempotencyKey, write_with_retry
from customers.core.api.enums import AbsorbResult, CustomerKind
from customers.core.api.ids import uuid
from customers.core.api.stubs import User
from customers.imports import store
from customers.imports.commands import chunk as commands
from customers.imports.commands.chunk import RowResult, Wish
from customers.imports.domain.import_job import (
    ERRORS_CSV,
    ERRORS_XLSX,
    INLINE_BYTES,
    TOKEN_SECONDS,
    UPLOAD,
    token,
)
from customers.imports.store import ImportRow, ProblemRow
from customers.pool.api.protected import WHOLE_RECORD
from customers.pool.domain.fields import FIELDS


@strawberry.enum(description="How far an import is.")
class ImportStatus(Enum):
    AWAITING_FILE = strawberry.enum_value("AWAITING_FILE", description="Send it to uploadUrl.")
    READY = strawberry.enum_value("READY", description="Look at the preview, then run it.")
    QUEUED = strawberry.enum_value("QUEUED", description="Waits for a worker.")
    RUNNING = strawberry.enum_value("RUNNING", description="Rows are coming in.")
    DONE = strawberry.enum_value("DONE", description="Every row was looked at.")
    FAILED = strawberry.enum_value("FAILED", description="It stopped; `problem` says why.")
    CANCELLED = strawberry.enum_value("CANCELLED", description="Somebody stopped it.")


@strawberry.enum(description="As what wrong rows are downloaded.")
class SheetFormat(Enum):
    CSV = strawberry.enum_value("CSV", description="UTF-8 with its mark, as Excel reads it.")
    XLSX = strawberry.enum_value("XLSX", description="A workbook.")


@strawberry.type(description="Which column of the file fills which field.")
class ColumnMapping:
    header: str = strawberry.field(description="The column's header.")
    fields: list[str] = strawberry.field(
        description="What it fills: fields of Customer, contact.name, contact.title, "
        "contact.mobile, contact.email, tags, kind, externalId; empty: it is not used."
    )


@strawberry.type(description="What is wrong in one row of the file.")
class ImportProblem:
    id: strawberry.ID = strawberry.field(description="The problem's id.")
    row_number: int = strawberry.field(description="The row, as the spreadsheet program counts.")
    column: str | None = strawberry.field(description="The header of the column it stands in.")
    field: str | None = strawberry.field(description="The field that column fills.")
    code: str = strawberry.field(description="One of the codes in docs/errors.md.")
    message: str = strawberry.field(description="What is wrong, and what would be right.")

    @classmethod
    def of(cls, row: ProblemRow, locale: str) -> ImportProblem:
        return cls(
            id=strawberry.ID(str(row.id)),
            row_number=row.row_number,
            column=row.column_name,
            field=row.field,
            code=row.code,
            message=row.zh if locale.startswith("zh") else row.en,
        )


@strawberry.type(description="What would become of one row.")
class ImportPreviewRow:
    row_number: int = strawberry.field(description="The row, as the spreadsheet program counts.")
    outcome: AbsorbResult = strawberry.field(description="What would become of it.")
    customer_id: strawberry.ID | None = strawberry.field(
        description="The customer it would belong to, if the pool has that already."
    )
    errors: list[UserError] = strawberry.field(description="What is wrong with it.")

    @classmethod
    def of(cls, result: RowResult, locale: str) -> ImportPreviewRow:
        known = result.outcome not in ("CREATED", "AMBIGUOUS") and result.customer_id
        return cls(
            row_number=result.row_number,
            outcome=AbsorbResult(result.outcome),
            customer_id=strawberry.ID(str(result.customer_id)) if known else None,
            errors=[user_error(wrong.problem, locale) for wrong in result.wrong],
        )


@strawberry.type(description="A table that comes into the pool.")
class Import:
    id: strawberry.ID = strawberry.field(description="The import's id.")
    version: int = strawberry.field(description="Grows with every change.")
    file_name: str = strawberry.field(description="The file's name.")
    system: str = strawberry.field(description="Under which name its claims stand.")
    status: ImportStatus = strawberry.field(description="How far it is.")
    started_by: User | None = strawberry.field(description="Who made it.")
    headers: list[str] | None = strawberry.field(description="The columns of the file.")
    rows_total: int | None = strawberry.field(description="How many rows it has.")
    rows_done: int = strawberry.field(description="How many were looked at.")
    created: int = strawberry.field(description="New customers.")
    updated: int = strawberry.field(description="Rows that said something new.")
    unchanged: int = strawberry.field(description="Rows that said nothing new.")
    matched: int = strawberry.field(description="Rows of customers the pool knew otherwise.")
    ambiguous: int = strawberry.field(description="Rows a steward has to look at.")
    rejected: int = strawberry.field(description="Rows that are wrong and did not enter.")
    created_at: datetime = strawberry.field(description="When it was made.")
    started_at: datetime | None = strawberry.field(description="When it was set going.")
    finished_at: datetime | None = strawberry.field(description="When it ended.")
    trace_id: str | None = strawberry.field(description="The trace of its run.")
    row: strawberry.Private[ImportRow]

    @strawberry.field(
        description="Send the file here by HTTP PUT, at most 32 MB, within 15 minutes; null once "
        "it was set going."
    )
    def upload_url(self, info: Info) -> str | None:
        if self.row.status not in ("AWAITING_FILE", "READY") or not self._is_mine(info):
            return None
        return _door(info, self.row, UPLOAD)

    @strawberry.field(
        description="The rows that did not enter, in their own columns and with what is wrong, to "
        "be mended and imported again; works for 15 minutes. Null when there are none, and for "
        "everybody but who brought the file.",
        directives=[WHOLE_RECORD],
    )
    def errors_url(
        self,
        info: Info,
        format: Annotated[
            SheetFormat, strawberry.argument(description="As what.")
        ] = SheetFormat.CSV,
    ) -> str | None:
        if not self.row.rejected or not self._is_mine(info):
            return None
        return _door(info, self.row, ERRORS_XLSX if format is SheetFormat.XLSX else ERRORS_CSV)

    @strawberry.field(description="How the file is understood; null before it came.")
    def mapping(self) -> list[ColumnMapping] | None:
        if self.row.mapping is None:
            return None
        targets = self.row.mapping["targets"]
        return [
            ColumnMapping(
                header=header, fields=[_graph_name(name) for name in targets.get(header, ())]
            )
            for header in self.row.headers or ()
        ]

    @strawberry.field(description="Why it failed.")
    def problem(self, info: Info) -> UserError | None:
        found = self.row.problem
        if found is None:
            return None
        message = found["zh"] if info.context.locale.startswith("zh") else found["en"]
        return UserError(code=found["code"], message=message, path=[])

    @strawberry.field(
        description="What would become of the first 500 rows, or of as many as are asked for; "
        "nothing is written."
    )
    async def preview(
        self,
        info: Info,
        first: Annotated[int, strawberry.argument(description="How many rows, 1 to 500.")] = 500,
    ) -> list[ImportPreviewRow]:
        if not 1 <= first <= 500:
            raise BadInput(
                "first must be between 1 and 500.", "first 必须在 1 到 500 之间。", field="first"
            )
        ctx = info.context
        scope = ctx.scope("Customer", "import")
        most = ctx.runtime.settings.duplicate_checks_a_day
        found = await write_with_retry(
            ctx, commands.preview, scope, self.row.id, ctx.guard.snapshot, most
        )
        return [ImportPreviewRow.of(result, ctx.locale) for result in found[:first]]

    @strawberry.field(description="What is wrong, row by row.")
    async def errors(
        self, info: Info, first: First = DEFAULT_FIRST, after: After = None
    ) -> Connection[ImportProblem]:
        ctx = info.context
        found = await ctx.read(store.problems, self.row.id, Window(first, after))
        answer: Connection[ImportProblem] = connect(
            found, lambda row: ImportProblem.of(store.problem_of(row), ctx.locale)
        )
        return answer

    def _is_mine(self, info: Info) -> bool:
        """The file is as its owner brought it, whatever others may see of the customers in it."""
        return self.row.actor_id == info.context.actor.user_id

    @classmethod
    def of(cls, row: ImportRow) -> Import:
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


def _door(info: Info, row: ImportRow, door: str) -> str:
    expires = int(time.time()) + TOKEN_SECONDS
    address = info.context.runtime.settings.address
    return f"{address}/imports/{row.id}/{door}?token={token(row.secret, door, expires)}"


def _graph_name(target: str) -> str:
    if target == "external_id":
        return "externalId"
    return FIELDS[target].graph_name if target in FIELDS else target


@strawberry.input(description="Which field a column fills, where the header does not tell.")
class ColumnMappingInput:
    header: str = strawberry.field(description="The column's header.")
    field: str = strawberry.field(
        description="A field of Customer, contact.name, contact.title, contact.mobile, "
        "contact.email, tags, kind, externalId, or ignore."
    )


@strawberry.type(description="The import after a step, or why that was refused.")
class ImportPayload:
    import_: Import | None = strawberry.field(
        default=None, name="import", description="As it is now."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was done; empty: it was done."
    )


ImportId = Annotated[strawberry.ID, strawberry.argument(description="The import's id.")]


@strawberry.type
class ImportQuery:
    @strawberry.field(
        name="import",
        description="One import; null where it is not yours.",
        metadata=right("Customer", "import"),
    )
    async def import_(self, info: Info, id: ImportId) -> Import | None:
        row = await info.context.read(store.by_id, uuid(id, "id"))
        scope = info.context.scope("Customer", "import")
        return Import.of(row) if row and store.may_see(scope, row) else None

    @strawberry.field(
        description="Imports, newest first: your own, and everybody's if you see all customers.",
        metadata=right("Customer", "import"),
    )
    async def imports(
        self, info: Info, first: First = DEFAULT_FIRST, after: After = None
    ) -> Connection[Import]:
        scope = info.context.scope("Customer", "import")
        found = await info.context.read(store.listed, scope, Window(first, after))
        rows = await info.context.read(store.by_ids, [row.id for row in found.rows])
        answer: Connection[Import] = connect(found, lambda row: Import.of(rows[row.id]))
        return answer


@strawberry.type
class ImportMutation:
    @strawberry.mutation(
        description="Begins an import. Send the file to its uploadUrl, or here if it is small.",
        metadata=right("Customer", "import"),
    )
    @answers(ImportPayload)
    async def create_import(
        self,
        info: Info,
        file_name: Annotated[str, strawberry.argument(description="E.g. customers.xlsx.")],
        content_base64: Annotated[
            str | None,
            strawberry.argument(
                description="The file in base64, if it has at most 4 MB.", directives=[WHOLE_RECORD]
            ),
        ] = None,
        system: Annotated[
            str, strawberry.argument(description="Under which name its claims stand.")
        ] = commands.SYSTEM,
        mapping: Annotated[
            list[ColumnMappingInput] | None,
            strawberry.argument(description="Where headers do not tell enough; the rest is found."),
        ] = None,
        key_columns: Annotated[
            list[str] | None,
            strawberry.argument(
                description="Columns that tell one customer from another; left out: the table's "
                "own id, else the credit code, else the name."
            ),
        ] = None,
        kind: Annotated[
            CustomerKind | None,
            strawberry.argument(description="What the rows are; left out: found out."),
        ] = None,
        owner_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(
                description="Whose new customers are; null: the pool. Left out: yours, or the "
                "pool's if you see all customers."
            ),
        ] = strawberry.UNSET,
        idempotency_key: IdempotencyKey = None,
    ) -> ImportPayload:
        ctx = info.context
        scope = ctx.scope("Customer", "import")
        content = _decoded(content_base64) if content_base64 is not None else None
        mine = None if scope.everything else ctx.actor.user_id
        given = uuid(owner_id, "ownerId") if owner_id else None
        wish = Wish(
            file_name=file_name,
            system=system,
            kind=kind.name if kind else None,
            mapping={column.header: column.field for column in mapping or ()},
            key_columns=key_columns or (),
            owner_id=mine if owner_id is strawberry.UNSET else given,
            idempotency_key=idempotency_key,
        )
        id = await write_with_retry(ctx, commands.create, scope, wish, ctx.guard.snapshot)
        row = await ctx.read(commands.seen, scope, id)
        if content is not None and row.status == "AWAITING_FILE":
            table = await asyncio.to_thread(commands.read_table, content, row)
            await write_with_retry(ctx, commands.receive, id, table)
            row = await ctx.read(commands.seen, scope, id)
        return ImportPayload(import_=Import.of(row))

    @strawberry.mutation(
        description="Sets an import going. It runs in the background; ask for it again to see how "
        "far it is. The same file again changes nothing.",
        metadata=right("Customer", "import"),
    )
    @answers(ImportPayload)
    async def run_import(self, info: Info, id: ImportId) -> ImportPayload:
        scope = info.context.scope("Customer", "import")
        await write_with_retry(info.context, commands.start, scope, uuid(id, "id"))
        row = await info.context.read(commands.seen, scope, uuid(id, "id"))
        return ImportPayload(import_=Import.of(row))

    @strawberry.mutation(
        description="Stops an import after the rows that are coming in now; what is in stays.",
        metadata=right("Customer", "import"),
    )
    @answers(ImportPayload)
    async def cancel_import(self, info: Info, id: ImportId) -> ImportPayload:
        scope = info.context.scope("Customer", "import")
        await write_with_retry(info.context, commands.cancel, scope, uuid(id, "id"))
        row = await info.context.read(commands.seen, scope, uuid(id, "id"))
        return ImportPayload(import_=Import.of(row))


def _decoded(content: str) -> bytes:
    if len(content) > INLINE_BYTES * 4 // 3 + 4:
        raise LimitExceeded(
            "The file has more than 4 MB; leave contentBase64 out and send it to uploadUrl.",
            "文件超过 4 MB，请不要使用 contentBase64，改为上传到 uploadUrl。",
            field="contentBase64",
        )
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError) as problem:
        raise BadInput(
            "contentBase64 is not base64.",
            "contentBase64 不是合法的 base64。",
            field="contentBase64",
        ) from problem
