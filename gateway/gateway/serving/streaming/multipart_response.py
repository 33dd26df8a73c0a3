"""Writes an answer in parts, as `multipart/mixed`, in either of the two dialects that clients read.

`deferSpec=20220824` is what Apollo Client speaks by default, Apollo Router, Relay and urql: each part names
the path of what it adds. `incrementalSpec=v0.2` is what graphql-js 17 writes and newer clients ask for: parts
are announced first (`pending`) and named by an id. A client that names neither gets the first: everybody reads it.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any, Literal

import orjson
from starlette.types import Send

from gateway.execution.deferral import Part, Patch, Pending
from gateway.serving.observability.tracing import RequestTrace
from gateway.settings import Settings

Dialect = Literal["deferSpec=20220824", "incrementalSpec=v0.2"]
OLD: Dialect = "deferSpec=20220824"
NEW: Dialect = "incrementalSpec=v0.2"
HEAD = b"\r\ncontent-type: application/json; charset=utf-8\r\n\r\n"
BOUNDARY = b"\r\n---"
"""Follows a part at once: a client knows only by it that the part is whole."""
END = b"--\r\n"


def dialect_of(accept: str) -> Dialect | None:
    """The dialect that the client asks for; None when it takes no parts."""
    for part in accept.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if name == "multipart/mixed":
            given = {each.replace('"', "").replace(" ", "") for each in parameters}
            return NEW if NEW.lower() in given else OLD
    return None


class Parts:
    """The parts of one answer, on their way."""

    def __init__(
        self, dialect: Dialect, parts: AsyncGenerator[Part, None], plan: str | None = None
    ) -> None:
        self.dialect = dialect
        self.parts = parts
        self.plan = plan

    async def write(self, send: Send, trace: RequestTrace, settings: Settings) -> list[str]:
        """Write every part as soon as it is there; return the codes of all errors."""
        codes: list[str] = []
        render = _new if self.dialect == NEW else _old
        with trace.stage("graphql.execute"), contextlib.suppress(TimeoutError):
            async with contextlib.aclosing(self.parts) as parts:
                async for part in parts:
                    codes += [fault.code or "" for fault in _faults(part)]
                    answer = render(part)
                    if part.first is not None:
                        answer["extensions"] = _extensions(trace, settings)
                        if self.plan is not None:
                            answer["extensions"]["queryPlan"] = self.plan
                        await send(_start(self.dialect, trace))
                    body = HEAD + orjson.dumps(answer) + BOUNDARY
                    if part.first is not None:
                        body = BOUNDARY + body
                    if not part.has_next:
                        body += END
                    async with asyncio.timeout(settings.subscription_limits.slow_seconds):
                        await send(
                            {
                                "type": "http.response.body",
                                "body": body,
                                "more_body": part.has_next,
                            }
                        )
        return codes


def _start(dialect: Dialect, trace: RequestTrace) -> dict[str, Any]:
    return {
        "type": "http.response.start",
        "status": 200,
        "headers": [
            (b"content-type", f'multipart/mixed; boundary="-"; {dialect}'.encode()),
            (b"x-trace-id", trace.trace_id.encode()),
            (b"cache-control", b"no-store"),
            (b"vary", b"accept, accept-language, authorization"),
        ],
    }


def _extensions(trace: RequestTrace, settings: Settings) -> dict[str, Any]:
    found = {"traceId": trace.trace_id}
    if settings.trace_url:
        found["traceUrl"] = settings.trace_url.replace("{trace_id}", trace.trace_id)
    return found


def _faults(part: Part) -> list[Any]:
    first = part.first.faults if part.first is not None else ()
    return [*first, *(fault for patch in part.patches for fault in patch.faults)]


def _old(part: Part) -> dict[str, Any]:
    out: dict[str, Any] = part.first.to_json() if part.first is not None else {}
    if part.patches:
        out["incremental"] = [_old_patch(patch) for patch in part.patches]
    return {**out, "hasNext": part.has_next}


def _old_patch(patch: Patch) -> dict[str, Any]:
    out: dict[str, Any] = {"data": patch.data, "path": list(patch.pending.path)}
    if patch.pending.piece.label is not None:
        out["label"] = patch.pending.piece.label
    if patch.faults:
        out["errors"] = [fault.to_json() for fault in patch.faults]
    return out


def _new(part: Part) -> dict[str, Any]:
    out: dict[str, Any] = part.first.to_json() if part.first is not None else {}
    if part.announced:
        out["pending"] = [_announcement(pending) for pending in part.announced]
    sent = [patch for patch in part.patches if patch.data is not None]
    if sent:
        out["incremental"] = [_new_patch(patch) for patch in sent]
    if part.patches:
        out["completed"] = [_completed(patch) for patch in part.patches]
    return {**out, "hasNext": part.has_next}


def _announcement(pending: Pending) -> dict[str, Any]:
    out: dict[str, Any] = {"id": pending.id, "path": list(pending.path)}
    if pending.piece.label is not None:
        out["label"] = pending.piece.label
    return out


def _new_patch(patch: Patch) -> dict[str, Any]:
    out: dict[str, Any] = {"id": patch.pending.id, "data": patch.data}
    if patch.faults:
        out["errors"] = [fault.to_json() for fault in patch.faults]
    return out


def _completed(patch: Patch) -> dict[str, Any]:
    if patch.data is not None:
        return {"id": patch.pending.id}
    return {"id": patch.pending.id, "errors": [fault.to_json() for fault in patch.faults]}
