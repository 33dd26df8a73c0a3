"""The download route of exports: one file under an address that works once, briefly, for one user.

The address ends with the export and with its requester's session and rights: 410 at once, also in
the middle of a download. A changed address is answered like an unknown one: 404.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from chassis.actor import Actor
from chassis.errors import Conflict, Denied, Gone, NotFound
from chassis.web import Runtime
from customers.exports.commands import file as commands
from customers.exports.domain.customer_export import MEDIA, Ticket
from customers.exports.store import customer_export as store, file as file_store
from customers.exports.store.customer_export import ExportRow

_HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


async def download(request: Request) -> Response:
    """Stream the file. Raises `NotFound`, `Gone`, `Denied`, or `Conflict` while it is remade."""
    runtime: Runtime = request.app.state.runtime
    row, ticket = await _load(request, runtime)
    if row.session_id is not None and row.session_id in runtime.revoked_sessions:
        raise Gone(
            "The session that requested this address has ended; sign in and request a new one.",
            "获取该地址的会话已结束，请登录后重新获取。",
        )
    actor = await runtime.actor_of(request)
    if actor is not None and actor.user_id != row.actor_id:
        raise _unknown()
    if request.method == "HEAD":  # spends no ticket and discloses nothing
        return Response(headers=_HEADERS)
    permissions = runtime.guard.permissions(Actor(row.actor_id, row.session_id, row.locale))
    limit = runtime.settings.export_downloads  # type: ignore[attr-defined]  # ours, not every service's
    try:
        opened = await runtime.db.write(
            commands.open_file, row.id, ticket, permissions, time.time(), limit
        )
    except Denied:
        await runtime.db.write(commands.record_denied_download, row, permissions.version)
        raise
    if opened is None:
        raise Conflict(
            "Rights or owners have changed since the file was made, so it is made again; request a "
            "new address when the export is READY.",
            "文件生成后权限或归属已变化，正在重新生成；待状态为 READY 后请重新获取下载地址。",
            field="id",
        )
    name = f"customers-{str(opened.id)[-12:]}.{opened.format.lower()}"
    return StreamingResponse(
        _pieces(runtime, opened),
        media_type=MEDIA[opened.format],
        headers=_HEADERS
        | {
            "content-disposition": f'attachment; filename="{name}"',
            "content-length": str(opened.size),
        },
    )


async def _load(request: Request, runtime: Runtime) -> tuple[ExportRow, Ticket]:
    try:
        id = UUID(request.path_params["id"])
    except ValueError:
        raise _unknown() from None
    row = await runtime.db.read(store.by_id, id)
    ticket = Ticket.parse(row.secret, request.query_params.get("ticket", "")) if row else None
    if row is None or ticket is None:
        raise _unknown()
    return row, ticket


async def _pieces(runtime: Runtime, row: ExportRow) -> AsyncIterator[bytes]:
    sent = number = 0
    assert row.file is not None
    assert row.size is not None
    while sent < row.size:
        piece = await runtime.db.read(file_store.chunk, row.id, row.file, number)
        if piece is None:
            raise ConnectionAbortedError("the export was ended while it was being downloaded")
        yield piece
        sent, number = sent + len(piece), number + 1


def _unknown() -> NotFound:
    return NotFound(
        "This address is not valid; request a new one with downloadCustomerExport.",
        "下载地址无效，请通过 downloadCustomerExport 重新获取。",
        field="ticket",
    )


ROUTES: Sequence[BaseRoute] = (Route("/exports/{id}/file", download),)
