"""The GraphQL endpoint, told in one place: read the question, prepare the document, run it, write the answer."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import orjson
from starlette.types import Receive, Scope, Send

from gateway.errors import (
    BadRequest,
    GatewayError,
    MethodNotAllowed,
    SubscriptionsUnsupported,
)
from gateway.plan import print_plan
from gateway.result import Fault, Response
from gateway.serving.documents.document_cache import Prepared, Refused
from gateway.serving.documents.operation_limits import check_variables
from gateway.serving.observability.tracing import RequestTrace
from gateway.serving.requests.csrf import check_preflight
from gateway.serving.requests.graphql_request import (
    GRAPHQL,
    JSON,
    Question,
    media_type,
    read_get,
    read_post,
    read_whole_post,
)
from gateway.serving.requests.uploads import MULTIPART, read_multipart
from gateway.serving.state import State
from gateway.serving.streaming.multipart_response import Parts, dialect_of
from gateway.serving.streaming.server_sent_events import EventStream

log = logging.getLogger("gateway")

Header = tuple[bytes, bytes]


class Reply(NamedTuple):
    """An answer and what is told about it."""

    status: int
    response: Response
    prepared: Prepared | None = None
    headers: Sequence[Header] = ()
    parts: Parts | None = None


class Answer(NamedTuple):
    """What travels back over HTTP."""

    status: int
    headers: Sequence[Header]
    body: bytes
    write: Callable[[Send], Awaitable[None]] | None = None
    """Writes an answer of several parts; there is no other body then."""


class GraphQL:
    """An ASGI application for `/graphql`."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.settings = state.settings
        self.protection = state.settings.protection
        self.shows = not state.settings.production
        asked = self.protection.preflight_get
        self.preflight_get = state.settings.production if asked is None else asked
        self.event_stream = EventStream(self)

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
            reply = await self._reply(scope, headers, body, trace, locale, kind)
        except GatewayError as error:
            reply = _refusal(error, locale)
        except Exception:
            log.exception("a request failed", extra={"trace_id": trace.trace_id})
            reply = _internal(locale)
        finally:
            state.metrics.in_flight -= 1
        client = headers.get(self.protection.clients.name_header)
        if client:
            state.metrics.client(client, failed=bool(reply.response.faults))
        if reply.parts is not None:
            return Answer(200, (), b"", partial(self._write_parts, reply, reply.parts, trace))
        return self._written(reply, kind, trace)

    async def _reply(
        self,
        scope: Mapping[str, Any],
        headers: Mapping[str, str],
        body: Receive | bytes,
        trace: RequestTrace,
        locale: str,
        kind: str,
    ) -> Reply:
        edge = self.state.edge
        deadline, hurried = edge.deadline(headers)
        visitor = await edge.admit(scope, headers)
        if isinstance(body, bytes):
            question = read_whole_post(headers, body, self.settings.limits.body_bytes)
        else:
            question = await self.question(scope, headers, body)
        if (
            question.files is not None and not hurried
        ):  # their way took its time, and so does the way on
            deadline = max(deadline, time.monotonic() + question.files.seconds)
        if edge.stored is not None or not question.query:
            question = await edge.question(question)
        prepared = self.prepared(question, trace)
        if isinstance(prepared, Refused):
            status = 200 if kind == JSON else max(error.status for error in prepared.errors)
            return Reply(status, Response(None, prepared.faults(locale), executed=False))
        trace.name(prepared)
        if prepared.kind == "subscription":
            raise SubscriptionsUnsupported(
                "Subscribe over WebSocket (graphql-transport-ws), or with Accept: text/event-stream.",
                "请通过 WebSocket（graphql-transport-ws）订阅，或使用 Accept: text/event-stream。",
            )
        if scope["method"] == "GET" and prepared.kind != "query":
            raise MethodNotAllowed("Send mutations by POST.", "请使用 POST 发送 mutation。")
        try:
            check_variables(question.variables, self.settings.limits)
            variables = prepared.coerce(question.variables)
            cost = prepared.cost_within(self.protection.cost, variables)
            if prepared.access is not None:
                visitor = await edge.decided(visitor, prepared, headers, deadline, trace.stage)
                prepared = prepared.seen_by(visitor.caller)
            if question.files is not None:
                question.files.check(prepared.kind, prepared.plan)
        except GatewayError as error:
            refused = Refused(error)
            status = 200 if kind == JSON else error.status
            return Reply(status, Response(None, refused.faults(locale), executed=False), prepared)
        sender = edge.sender(visitor, headers, self.state.subgraphs, trace, deadline)
        sender.alone, sender.files = hurried, question.files
        if prepared.deferrals and (dialect := dialect_of(headers.get("accept", ""))):
            deferring = prepared.deferrals.given(variables)
            if deferring is not None:
                shown = self._shows_plan(headers)
                parts = Parts(
                    dialect,
                    deferring.parts(variables, sender, locale),
                    print_plan(deferring.plan) if shown else None,
                )
                return Reply(200, Response(None), prepared, parts=parts)
        with trace.stage("graphql.execute"):
            response = await prepared.executable.run(variables, sender, locale)
        if prepared.variant is not None:
            response = prepared.variant.report(response, variables, locale)
        if cost is not None and headers.get("x-include-cost") == "1" and self.shows:
            response.extensions["cost"] = {"estimated": cost, "limit": self.protection.cost}
        if self._shows_plan(headers):
            response.extensions["queryPlan"] = prepared.plan_text()
        return Reply(200, response, prepared)

    async def question(
        self, scope: Mapping[str, Any], headers: Mapping[str, str], receive: Receive
    ) -> Question:
        """Read what is asked."""
        if scope["method"] == "GET":
            if self.preflight_get:
                check_preflight(headers, self.protection.preflight)
            return read_get(scope["query_string"])
        if scope["method"] != "POST":
            raise MethodNotAllowed(
                "Use POST, or GET for queries.", "请使用 POST；查询也可使用 GET。"
            )
        limits, uploads = self.settings.limits, self.protection.uploads
        if not headers.get("content-type", "").lower().startswith(MULTIPART):
            uploads = None
        try:
            async with asyncio.timeout(uploads.seconds if uploads else limits.seconds):
                if uploads:
                    check_preflight(headers, self.protection.preflight)
                    return await read_multipart(headers, receive, uploads, limits.body_bytes)
                return await read_post(headers, receive, self.settings.limits.body_bytes)
        except TimeoutError as error:
            raise BadRequest("The body did not arrive in time.", "请求体未能按时送达。") from error

    def prepared(self, question: Question, trace: RequestTrace) -> Prepared | Refused:
        """What to run, or why not."""
        documents, metrics = self.state.rollout.documents(), self.state.metrics
        known = documents.cached(question.query, question.operation_name)
        metrics.document(known=known is not None)
        if known is None:
            known = documents.prepare(question.query, question.operation_name, trace.stage)
            metrics.documents_kept = len(documents.known)
        return known

    async def _write_parts(
        self, reply: Reply, parts: Parts, trace: RequestTrace, send: Send
    ) -> None:
        codes = await parts.write(send, trace, self.settings)
        self._count(reply, codes, trace)

    def _written(self, reply: Reply, kind: str, trace: RequestTrace) -> Answer:
        response = reply.response
        response.extensions["traceId"] = trace.trace_id
        if self.settings.trace_url:
            response.extensions["traceUrl"] = self.settings.trace_url.replace(
                "{trace_id}", trace.trace_id
            )
        try:
            body = orjson.dumps(response.to_json())
        except orjson.JSONEncodeError:  # nested too deeply to be written
            log.exception("an answer cannot be written", extra={"trace_id": trace.trace_id})
            reply = _internal("en")
            response = reply.response
            body = orjson.dumps(response.to_json())
        self._count(reply, [fault.code or "" for fault in response.faults], trace)
        headers = [
            _CONTENT_TYPE[kind],
            (b"content-length", b"%d" % len(body)),
            (b"x-trace-id", trace.trace_id.encode()),
            (b"traceparent", trace.traceparent.encode()),
            *_ALWAYS,
            *reply.headers,
        ]
        return Answer(reply.status, headers, body)

    def _shows_plan(self, headers: Mapping[str, str]) -> bool:
        return headers.get("x-include-plan") == "1" and not self.settings.production

    def _count(self, reply: Reply, codes: list[str], trace: RequestTrace) -> None:
        trace.close(reply.status, codes)
        prepared = reply.prepared
        self.state.metrics.request(
            prepared.kind if prepared else "refused",
            prepared.name if prepared else None,
            codes,
            time.perf_counter() - trace.started,
        )


_CONTENT_TYPE = {
    JSON: (b"content-type", b"application/json; charset=utf-8"),
    GRAPHQL: (b"content-type", b"application/graphql-response+json; charset=utf-8"),
}
_ALWAYS = (
    (b"cache-control", b"no-store"),
    (b"vary", b"accept, accept-language, authorization"),
)


def read_headers(given: Iterable[Header]) -> dict[str, str]:
    """Headers as text, by name."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in given}


def locale_of(accept_language: str) -> str:
    """The reader's language."""
    return "zh" if accept_language.strip().lower().startswith("zh") else "en"


def _refusal(error: GatewayError, locale: str) -> Reply:
    said = [(name.encode(), value.encode()) for name, value in error.headers]
    if isinstance(error, MethodNotAllowed):
        said.append((b"allow", b"POST"))
    return Reply(
        error.status, Response(None, Refused(error).faults(locale), executed=False), None, said
    )


def _internal(locale: str) -> Reply:
    error = GatewayError(
        "The gateway failed; its log tells more under this trace id.",
        "网关内部错误；可凭此追踪编号查看日志。",
    )
    return Reply(
        500, Response(None, (Fault(error.message(locale), None, error.code),), executed=False)
    )
