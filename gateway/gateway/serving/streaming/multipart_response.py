"""Writes the answer to an operation with `@defer` in parts, as `multipart/mixed`.

Clients read one of two dialects. `deferSpec=20220824` is what Apollo Client speaks by default,
Apollo Router, Relay and urql: each part names the path of what it adds. `incrementalSpec=v0.2` is
what graphql-js 17 writes and newer clients ask for: parts are announced first (`pending`) and named
by an id. A client that names neither gets the first, which all of them read.
"""

import asyncio
import contextlib
from typing import Any, Literal

import orjson
from starlette.types import Send

from gateway.execution.deferral import DeferredExecutable, Part, Patch, Pending
from gateway.serving.observability.tracing import RequestTrace
from gateway.serving.pipeline import ReadyOperation

Dialect = Literal["deferSpec=20220824", "incrementalSpec=v0.2"]
OLD: Dialect = "deferSpec=20220824"
NEW: Dialect = "incrementalSpec=v0.2"
HEAD = b"\r\ncontent-type: application/json; charset=utf-8\r\n\r\n"
BOUNDARY = b"\r\n---"
"""Follows each part at once: only by it can a client tell that the part is complete."""
END = b"--\r\n"


def dialect_of(accept: str) -> Dialect | None:
    """Return the dialect that the client asks for; None when it takes no parts."""
    for part in accept.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if name == "multipart/mixed":
            named = {text.replace('"', "").replace(" ", "") for text in parameters}
            return NEW if NEW.lower() in named else OLD
    return None


class MultipartResponse:
    """The answer to one operation, in parts."""

    def __init__(
        self, dialect: Dialect, deferred: DeferredExecutable, ready: ReadyOperation
    ) -> None:
        self.dialect = dialect
        self.deferred = deferred
        self.ready = ready

    async def write(self, send: Send, trace: RequestTrace) -> list[str]:
        """Write every part as soon as it is there; return the codes of all errors.

        A client that accepts no data for too long is disconnected.
        """
        codes: list[str] = []
        ready = self.ready
        slow_seconds = ready.state.settings.subscription_limits.slow_seconds
        render = _new if self.dialect == NEW else _old
        with trace.stage("graphql.execute"), contextlib.suppress(TimeoutError):
            stream = self.deferred.parts(ready.variables, ready.sender, ready.locale)
            async with contextlib.aclosing(stream) as parts:
                async for part in parts:
                    codes += [fault.code or "" for fault in _faults(part)]
                    answer = render(part)
                    if part.first is not None:
                        answer["extensions"] = {}
                        ready.extend(answer["extensions"], trace, self.deferred)
                        await send(_start(self.dialect, trace))
                    body = HEAD + orjson.dumps(answer) + BOUNDARY
                    if part.first is not None:
                        body = BOUNDARY + body
                    if not part.has_next:
                        body += END
                    async with asyncio.timeout(slow_seconds):
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
