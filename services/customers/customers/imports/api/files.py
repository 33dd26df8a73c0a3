"""The file routes of imports: upload a file by PUT, download rejected rows by GET, by signed links.

The link's short-lived token is the only authorisation, so that a browser or curl can follow it; a
wrong token and an import that does not exist are answered alike.
"""

from __future__ import annotations

import asyncio
import csv
import io
import time
from collections.abc import Sequence
from uuid import UUID

import orjson
from openpyxl import Workbook
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from chassis.errors import NotFound
from chassis.spreadsheet.cells import escape_formula
from chassis.spreadsheet.limits import Limits
from chassis.web import Runtime, body_of, locale_of
from customers.imports import store
from customers.imports.commands import upload as commands
from customers.imports.commands.rejected_rows import (
    RejectedRow,
    load_rejected_rows,
    record_download,
)
from customers.imports.domain.import_job import ERRORS_CSV, ERRORS_XLSX, UPLOAD, is_valid
from customers.imports.domain.sheet_mapping import ERROR_COLUMN
from customers.imports.store import ImportRow

_SAFE_HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


async def upload(request: Request) -> Response:
    """Receive the file of an import. Raises `LimitExceeded` as soon as it is too large."""
    runtime, row = await _authorised(request, UPLOAD)
    content = await body_of(request, Limits().size)
    table = await asyncio.to_thread(commands.read_table, content, row)
    await runtime.db.write(commands.receive, row.id, table)
    body = orjson.dumps({"id": str(row.id), "rows": table.rows, "headers": table.headers})
    return Response(body, media_type="application/json", headers=_SAFE_HEADERS)


async def errors_csv(request: Request) -> Response:
    """Return the rejected rows as CSV."""
    headers, rows = await _rejected(request, ERRORS_CSV)
    target = io.StringIO()
    writer = csv.writer(target)
    writer.writerow([escape_formula(header) for header in headers])
    writer.writerows(_line(headers, row) for row in rows)
    return _attachment(target.getvalue().encode("utf-8-sig"), "text/csv; charset=utf-8", ERRORS_CSV)


async def errors_xlsx(request: Request) -> Response:
    """Return the rejected rows as a workbook."""
    headers, rows = await _rejected(request, ERRORS_XLSX)
    content = await asyncio.to_thread(_workbook, headers, rows)
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return _attachment(content, kind, ERRORS_XLSX)


def _workbook(headers: Sequence[str], rows: Sequence[RejectedRow]) -> bytes:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("errors")
    sheet.append([escape_formula(header) for header in headers])
    for row in rows:
        sheet.append(_line(headers, row))
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def _line(headers: Sequence[str], row: RejectedRow) -> list[str]:
    return [
        *(escape_formula(row.cells.get(header, "")) for header in headers[:-1]),
        escape_formula(row.problems),
    ]


def _attachment(content: bytes, kind: str, name: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"'} | _SAFE_HEADERS
    return Response(content, media_type=kind, headers=headers)


async def _rejected(request: Request, file: str) -> tuple[list[str], list[RejectedRow]]:
    runtime, row = await _authorised(request, file)
    rows = await runtime.db.read(load_rejected_rows, row.id, locale_of(request))
    await runtime.db.write(record_download, row, len(rows))
    headers = [header for header in row.headers or () if header != ERROR_COLUMN]
    return [*headers, ERROR_COLUMN], rows


async def _authorised(request: Request, file: str) -> tuple[Runtime, ImportRow]:
    runtime: Runtime = request.app.state.runtime
    try:
        id = UUID(request.path_params["id"])
    except ValueError:
        raise _invalid_link() from None
    row = await runtime.db.read(store.by_id, id)
    token = request.query_params.get("token", "")
    if row is None or not is_valid(row.secret, file, token, time.time()):
        raise _invalid_link()
    return runtime, row


def _invalid_link() -> NotFound:
    return NotFound(
        "This link is not valid or has expired; query the import for a new one.",
        "链接无效或已过期，请重新查询导入以获取新链接。",
        field="token",
    )


ROUTES: Sequence[BaseRoute] = (
    Route("/imports/{id}/file", upload, methods=["PUT"]),
    Route(f"/imports/{{id}}/{ERRORS_CSV}", errors_csv),
    Route(f"/imports/{{id}}/{ERRORS_XLSX}", errors_xlsx),
)
