"""GraphQL over HTTP for one service: what a request asks, and how it is answered.

It finds the open resources of its process at `request.app.state.runtime`.
"""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import unquote

import orjson
from opentelemetry import metrics
from opentelemetry.trace import SpanKind
from starlette.requests import Request
from starlette.responses import Response

from chassis import telemetry
from chassis.api.context import Context
from chassis.api.schema import Api
from chassis.audit import events as audit
from chassis.errors import BadInput, HuichiError, LimitExceeded
from chassis.policy import feed
from chassis.policy.guard import Guard

POLICY_HEADER = "x-policy-version"
MAX_BODY = 8 * 1024 * 1024
MOST_PURPOSE = 200
_JSON = "application/json"
_GRAPHQL_JSON = "application/graphql-response+json"


class Endpoint:
    """GraphQL over HTTP for one service."""

    def __init__(self, name: str, api: Api) -> None:
        self._name = name
        self._api = api
        self._seconds = metrics.get_meter("huichi").create_histogram(
            "huichi.graphql.request", unit="s", description="Time to answer a GraphQL request."
        )

    async def serve(self, request: Request) -> Response:
        started = time.perf_counter()
        runtime = request.app.state.runtime
        with (
            telemetry.span(
                f"{self._name} graphql",
                kind=SpanKind.SERVER,
                parent=request.headers.get("traceparent"),
            ) as span,
            audit.under(circumstances_of(request)) as present,
        ):
            status, body = 200, {}
            try:
                sent = await _sent(request)
                runtime.check_context(request, sent)
                asked = _asked(request, sent)
                context: Context = Context(
                    db=runtime.db,
                    guard=runtime.guard,
                    actor=await runtime.actor_of(request),
                    locale=locale_of(request),
                    client=request.client.host if request.client else "",
                    device=device_of(request),
                    runtime=runtime,
                    resources=runtime.service.resources,
                    policy_version=await _version(request, runtime.guard),
                )
                name = asked.get("operationName")
                present.operation = name[:100] if name else None
                body = await self._api.answer(
                    asked["query"],
                    asked.get("variables"),
                    name,
                    context,
                    queries_only=request.method == "GET",
                )
                if events := context.events():
                    await runtime.audit_writer.write(events)
                if context.signed_in and (uses := context.uses()):
                    runtime.usage.note(context.actor.user_id, uses)
                if name:
                    span.set_attribute("graphql.operation.name", name[:100])
            except HuichiError as problem:
                status, body = errors_of(problem, locale_of(request))
            if errors := body.get("errors"):
                span.set_attribute("graphql.errors", len(errors))
                span.set_attribute("graphql.error.code", errors[0]["extensions"]["code"])
            response = _respond(request, status, body)
            if found := telemetry.trace_id():
                response.headers["x-trace-id"] = found
        self._seconds.record(time.perf_counter() - started, {"service": self._name})
        return response


async def _version(request: Request, guard: Guard) -> int | None:
    """The policy version that all services of one operation keep to, if one was named."""
    named = request.headers.get(POLICY_HEADER)
    if named is None:
        return None
    if not named.isascii() or not named.isdigit() or len(named) > 18:
        raise BadInput(
            f"{POLICY_HEADER} must be a policy version.",
            f"请求头 {POLICY_HEADER} 必须是策略版本号。",
            field=POLICY_HEADER,
        )
    await feed.wait_for_version(guard, int(named))
    return int(named)


async def _sent(request: Request) -> bytes:
    """What the question is made of: the body, or of a GET the query string."""
    if request.method == "GET":
        return request.url.query.encode()
    return await body_of(request, MAX_BODY)


def _asked(request: Request, body: bytes) -> dict[str, Any]:
    """The query, variables and operation name of a request. Raises `BadInput`."""
    asked: Any
    if request.method == "GET":
        asked = dict(request.query_params)
        if "variables" in asked:
            asked["variables"] = _parsed(asked["variables"].encode(), "variables")
    else:
        if request.headers.get("content-type", "").split(";")[0].strip() != _JSON:
            raise BadInput(
                f"The body must be {_JSON}.", f"请求体必须为 {_JSON}。", field="content-type"
            )
        asked = _parsed(body, "body")
    if not isinstance(asked, dict) or not isinstance(asked.get("query"), str):
        raise BadInput(
            'The request must be a JSON object with a string "query".',
            "请求必须是包含字符串 query 的 JSON 对象。",
            field="query",
        )
    if not isinstance(asked.get("variables"), dict | None):
        raise BadInput("variables must be an object.", "variables 必须是对象。", field="variables")
    if not isinstance(asked.get("operationName"), str | None):
        raise BadInput(
            "operationName must be a string.", "operationName 必须是字符串。", field="operationName"
        )
    return asked


async def body_of(request: Request, most: int) -> bytes:
    """The body, read no further than the limit. Raises `LimitExceeded`."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise LimitExceeded(
                f"The body is larger than {most} bytes.",
                f"请求体超过 {most} 字节。",
                limit="body",
                allowed=most,
            )
        parts.append(part)
    return b"".join(parts)


def _parsed(raw: bytes, what: str) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as problem:
        raise BadInput(
            f"The {what} is not JSON (line {problem.lineno}, column {problem.colno}).",
            f"{what} 不是合法的 JSON（第 {problem.lineno} 行第 {problem.colno} 列）。",
            field=what,
        ) from problem


def _respond(request: Request, status: int, body: dict[str, Any]) -> Response:
    modern = _GRAPHQL_JSON in request.headers.get("accept", "")
    if modern and status == 200 and "data" not in body:
        status = 400
    return Response(
        orjson.dumps(body, default=str),
        status_code=status,
        media_type=_GRAPHQL_JSON if modern else _JSON,
    )


def errors_of(problem: HuichiError, locale: str) -> tuple[int, dict[str, Any]]:
    extensions = {"code": problem.code} | problem.extra
    if problem.field:
        extensions["field"] = problem.field
    error = {"message": problem.message(locale), "extensions": extensions}
    return problem.status, {"errors": [error]}


def circumstances_of(request: Request) -> audit.Circumstances:
    """What the audit events of this request have in common. The purpose comes percent-encoded where
    it is not plain ASCII, for a header holds nothing else; what cannot be read is left out."""
    said = unquote(request.headers.get("x-purpose", ""), errors="ignore")
    purpose = "".join(character for character in said if character.isprintable()).strip()
    return audit.Circumstances(
        purpose=purpose[:MOST_PURPOSE] or None,
        address=request.client.host if request.client else None,
        policy_version=request.app.state.runtime.guard.version,
    )


def device_of(request: Request) -> str:
    """What the client calls itself; the gateway passes its own client's word on as `x-device`."""
    headers = request.headers
    return (headers.get("x-device") or headers.get("user-agent", ""))[:500]


def locale_of(request: Request) -> str:
    """The reader's language: "zh" if they ask for Chinese first, else "en"."""
    return "zh" if request.headers.get("accept-language", "").lower().startswith("zh") else "en"
