"""Queries and mutations of imports: create, upload, run, cancel and list them."""

from __future__ import annotations

import asyncio
import base64
import binascii
from typing import Annotated

import strawberry

from chassis.api.context import Info
from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect
from chassis.api.problems import UserError, answers
from chassis.api.rights import right
from chassis.errors import BadInput, LimitExceeded
from customers.core.api.arguments import IdempotencyKey, write_with_retry
from customers.core.api.enums import CustomerKind
from customers.core.api.ids import uuid
from customers.imports import store
from customers.imports.api.import_job import Import
from customers.imports.commands import control, upload
from customers.imports.commands.upload import ImportRequest
from customers.imports.domain.import_job import INLINE_BYTES
from customers.pool.api.protected import WHOLE_RECORD


@strawberry.input(
    description="The field that a column fills, where its header does not identify it."
)
class ColumnMappingInput:
    """The mapping of one column."""

    header: str = strawberry.field(description="The column's header.")
    field: str = strawberry.field(
        description="A field of Customer, contact.name, contact.title, contact.mobile, "
        "contact.email, tags, kind, externalId, or ignore."
    )


@strawberry.type(description="The import after a mutation, or why the mutation was refused.")
class ImportPayload:
    """The result of an import mutation."""

    import_: Import | None = strawberry.field(
        default=None, name="import", description="The import as it is now."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was written; empty on success."
    )


FileName = Annotated[
    str, strawberry.argument(description="The name of the file, e.g. customers.xlsx.")
]
ContentBase64 = Annotated[
    str | None,
    strawberry.argument(
        description="The file in base64, if it has at most 4 MB.",
        directives=[WHOLE_RECORD],
    ),
]
System = Annotated[
    str,
    strawberry.argument(description="The name of the source that the import's claims belong to."),
]
Mapping = Annotated[
    list[ColumnMappingInput] | None,
    strawberry.argument(
        description="Fields of columns that their headers do not identify; others are detected."
    ),
]
KeyColumns = Annotated[
    list[str] | None,
    strawberry.argument(
        description="Headers of the columns that identify a customer; left out: the "
        "table's own id, else the credit code, else the name."
    ),
]
Kind = Annotated[
    CustomerKind | None,
    strawberry.argument(
        description="Whether the rows are organisations or persons; left out: detected."
    ),
]
OwnerId = Annotated[
    strawberry.ID | None,
    strawberry.argument(
        description="The owner of new customers; null: the pool. Left out: the caller, or "
        "the pool where the caller sees all customers."
    ),
]
ImportId = Annotated[strawberry.ID, strawberry.argument(description="The import's id.")]


@strawberry.type
class ImportQuery:
    """Queries of imports."""

    @strawberry.field(
        name="import",
        description="One import; null where another user created it and the caller does not see "
        "all customers.",
        metadata=right("Customer", "import"),
    )
    async def import_(self, info: Info, id: ImportId) -> Import | None:
        """Return one import that the caller may see."""
        row = await info.context.read(store.by_id, uuid(id, "id"))
        scope = info.context.scope("Customer", "import")
        return Import.of(row) if row and store.may_see(scope, row) else None

    @strawberry.field(
        description="Imports, newest first: the caller's own, and those of all users where the "
        "caller sees all customers.",
        metadata=right("Customer", "import"),
    )
    async def imports(
        self, info: Info, first: First = DEFAULT_FIRST, after: After = None
    ) -> Connection[Import]:
        """Return a page of the imports that the caller may see."""
        scope = info.context.scope("Customer", "import")
        page = await info.context.read(store.list_page, scope, Window(first, after))
        rows = await info.context.read(store.by_ids, [row.id for row in page.rows])
        connection: Connection[Import] = connect(page, lambda row: Import.of(rows[row.id]))
        return connection


@strawberry.type
class ImportMutation:
    """Mutations of imports."""

    @strawberry.mutation(
        description="Create an import. Send the file to its uploadUrl, or in contentBase64 if it "
        "is small.",
        metadata=right("Customer", "import"),
    )
    @answers(ImportPayload)
    async def create_import(
        self,
        info: Info,
        file_name: FileName,
        content_base64: ContentBase64 = None,
        system: System = upload.SYSTEM,
        mapping: Mapping = None,
        key_columns: KeyColumns = None,
        kind: Kind = None,
        owner_id: OwnerId = strawberry.UNSET,
        idempotency_key: IdempotencyKey = None,
    ) -> ImportPayload:
        """Create an import, and receive its file if it is passed along."""
        ctx = info.context
        scope = ctx.scope("Customer", "import")
        content = _decoded(content_base64) if content_base64 is not None else None
        default_owner = None if scope.everything else ctx.actor.user_id
        owner = uuid(owner_id, "ownerId") if owner_id else None
        import_request = ImportRequest(
            file_name=file_name,
            system=system,
            kind=kind.name if kind else None,
            mapping={column.header: column.field for column in mapping or ()},
            key_columns=key_columns or (),
            owner_id=default_owner if owner_id is strawberry.UNSET else owner,
            idempotency_key=idempotency_key,
        )
        id = await write_with_retry(ctx, upload.create, scope, import_request, ctx.guard.snapshot)
        row = await ctx.read(control.load_visible, scope, id)
        if content is not None and row.status == "AWAITING_FILE":
            table = await asyncio.to_thread(upload.read_table, content, row)
            await write_with_retry(ctx, upload.receive, id, table)
            row = await ctx.read(control.load_visible, scope, id)
        return ImportPayload(import_=Import.of(row))

    @strawberry.mutation(
        description="Start an import. It runs in the background; query it to follow its progress. "
        "Importing the same file again changes nothing.",
        metadata=right("Customer", "import"),
    )
    @answers(ImportPayload)
    async def run_import(self, info: Info, id: ImportId) -> ImportPayload:
        """Start an import."""
        scope = info.context.scope("Customer", "import")
        await write_with_retry(info.context, control.start, scope, uuid(id, "id"))
        row = await info.context.read(control.load_visible, scope, uuid(id, "id"))
        return ImportPayload(import_=Import.of(row))

    @strawberry.mutation(
        description="Cancel an import after the rows that are being imported now; imported rows "
        "stay.",
        metadata=right("Customer", "import"),
    )
    @answers(ImportPayload)
    async def cancel_import(self, info: Info, id: ImportId) -> ImportPayload:
        """Cancel an import."""
        scope = info.context.scope("Customer", "import")
        await write_with_retry(info.context, control.cancel, scope, uuid(id, "id"))
        row = await info.context.read(control.load_visible, scope, uuid(id, "id"))
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
