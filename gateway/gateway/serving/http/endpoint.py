"""The GraphQL endpoint over HTTP: pipeline, execution, and the bytes of the answer."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import orjson
from starlette.types import Receive, Scope, Send

from gateway.errors import GatewayError
from gateway.result import Fault, Response
from gateway.serving.documents.prepared_operation import PreparedOperation
from gateway.serving.documents.refusal import Refused
from gateway.serving.observability.tracing import RequestTrace
from gateway.serving.pipeline import Pipeline, ReadyOperation, name_trace
from gateway.serving.requests.http_headers import Header, error_headers, locale_of, read_headers
from gateway.serving.requests.media_types import GRAPHQL, JSON, media_type
from gateway.serving.state import State
from gateway.serving.streaming.multipart_response import MultipartResponse, dialect_of
from gateway.serving.streaming.server_sent_events import EventStreamEndpoint

log = logging.getLogger("gateway")


class Reply(NamedTuple):
    """A response, its HTTP status, and the operation that it counts for."""

    status: int
    response: Response
    operation: PreparedOperation | None = None
    headers: Sequence[Header] = ()
    parts: MultipartResponse | None = None


class Answer(NamedTuple):
    """The bytes that travel back over HTTP."""

    status: int
    headers: Sequence[Header]
    body: bytes
    write: Callable[[Send], Awaitable[None]] | None = None
    """Writes an answer of several parts; there is no other body then."""


class GraphQLEndpoint:
    """An ASGI application for `/graphql` over HTTP."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.settings = state.settings
        self.pipeline = Pipeline(state)
        self.event_stream = EventStreamEndpoint(self.pipeline)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; nothing is raised."""
        headers = read_headers(scope["headers"])
        if "text/event-stream" in headers.get("accept", ""):
            await self.event_stream(scope, headers, receive, send)
            return
        status, lines, body, write = await self.answer(scope, headers, receive)
        if write is not None:
            await write(send)
            return
        await send({"type": "http.response.start", "status": status, "headers": lines})
        await send({"type": "http.response.body", "body": body})

    async def answer(
        self, scope: Mapping[str, Any], headers: Mapping[str, str], body: Receive | bytes
    ) -> Answer:
        """Answer one request, whose body is here or still has to be received; nothing is raised."""
        state = self.state
        trace = state.tracing.begin(headers)
        trace.open(scope["method"], scope["path"])
        state.metrics.in_flight += 1
        kind = JSON
        language = headers.get("accept-language")
        locale = locale_of(language) if language else "en"
        try:
            kind = media_type(headers.get("accept"))
            ready = await self.pipeline.prepare(scope, headers, body, trace, locale)
            parts = self._parts(ready, trace) if ready.operation.deferred else None
            if parts is not None:
                reply = Reply(200, Response(None), ready.operation, parts=parts)
            else:
                with trace.stage("graphql.execute"):
                    response = await ready.run()
                reply = Reply(200, ready.report(response, trace), ready.operation)
        except Refused as refused:
            # As plain JSON a refused operation is an answer; the newer media type has statuses.
            status = 200 if kind == JSON else max(error.status for error in refused.errors)
            reply = Reply(status, refused.response(locale), refused.operation)
        except GatewayError as error:
            response = Refused(error).response(locale)
            reply = Reply(error.status, response, headers=error_headers(error))
        except Exception:
            log.exception("a request failed", extra={"trace_id": trace.trace_id})
            reply = _internal_error(locale)
        finally:
            state.metrics.in_flight -= 1
        client = headers.get(self.settings.protection.clients.name_header)
        if client:
            state.metrics.client(client, failed=bool(reply.response.faults))
        if reply.parts is not None:
            return Answer(200, (), b"", partial(self._write_parts, reply.parts, trace))
        return self._render(reply, kind, trace)

    def _parts(self, ready: ReadyOperation, trace: RequestTrace) -> MultipartResponse | None:
        """Return the answer in parts, where the client takes them and its variables defer some."""
        dialect = dialect_of(ready.headers.get("accept", ""))
        deferred = ready.deferred() if dialect is not None else None
        if dialect is None or deferred is None:
            return None
        return MultipartResponse(dialect, deferred, ready)

    async def _write_parts(self, parts: MultipartResponse, trace: RequestTrace, send: Send) -> None:
        codes = await parts.write(send, trace)
        trace.finish(200, codes, parts.ready.operation)

    def _render(self, reply: Reply, kind: str, trace: RequestTrace) -> Answer:
        response = reply.response
        if not response.executed:  # others have been reported by the pipeline
            name_trace(response.extensions, trace, self.settings.trace_url)
        try:
            body = orjson.dumps(response.to_json())
        except orjson.JSONEncodeError:  # nested too deeply to be written
            log.exception("an answer cannot be written", extra={"trace_id": trace.trace_id})
            reply = _internal_error("en")
            response = reply.response
            body = orjson.dumps(response.to_json())
        trace.finish(reply.status, [fault.code or "" for fault in response.faults], reply.operation)
        headers = [
            _CONTENT_TYPE[kind],
            (b"content-length", b"%d" % len(body)),
            (b"x-trace-id", trace.trace_id.encode()),
            (b"traceparent", trace.traceparent.encode()),
            *_ALWAYS,
            *reply.headers,
        ]
        return Answer(reply.status, headers, body)


_CONTENT_TYPE = {
    JSON: (b"content-type", b"application/json; charset=utf-8"),
    GRAPHQL: (b"content-type", b"application/graphql-response+json; charset=utf-8"),
}
_ALWAYS = (
    (b"cache-control", b"no-store"),
    (b"vary", b"accept, accept-language, authorization"),
)


def _internal_error(locale: str) -> Reply:
    error = GatewayError(
        "The gateway failed; its log holds the details under this trace id.",
        "网关内部错误；日志中可按此追踪编号查看详情。",
    )
    return Reply(
        500, Response(None, (Fault(error.message(locale), None, error.code),), executed=False)
    )
