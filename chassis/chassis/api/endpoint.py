"""GraphQL over HTTP for one service: reading a request and writing its response.

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
LONGEST_PURPOSE = 200
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
        """Answer one request."""
        started = time.perf_counter()
        runtime = request.app.state.runtime
        with (
            telemetry.span(
                f"{self._name} graphql",
                kind=SpanKind.SERVER,
                parent=request.headers.get("traceparent"),
            ) as span,
            audit.in_circumstances(circumstances_of(request)) as circumstances,
        ):
            status, body = 200, {}
            try:
                content = await _signed_content(request)
                runtime.check_context(request, content)
                parameters = _parameters(request, content)
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
                name = parameters.get("operationName")
                circumstances.operation = name[:100] if name else None
                body = await self._api.answer(
                    parameters["query"],
                    parameters.get("variables"),
                    name,
                    context,
                    queries_only=request.method == "GET",
                )
                if events := context.audit_events():
                    await runtime.audit_writer.write(events)
                if context.signed_in and (rights := context.used_rights()):
                    runtime.usage.count(context.actor.user_id, rights)
                if name:
                    span.set_attribute("graphql.operation.name", name[:100])
            except HuichiError as problem:
                status, body = errors_of(problem, locale_of(request))
            if errors := body.get("errors"):
                span.set_attribute("graphql.errors", len(errors))
                span.set_attribute("graphql.error.code", errors[0]["extensions"]["code"])
            response = _respond(request, status, body)
            if trace_id := telemetry.trace_id():
                response.headers["x-trace-id"] = trace_id
        self._seconds.record(time.perf_counter() - started, {"service": self._name})
        return response


async def _version(request: Request, guard: Guard) -> int | None:
    """Return the policy version of the whole operation, if the gateway named one."""
    header = request.headers.get(POLICY_HEADER)
    if header is None:
        return None
    if not header.isascii() or not header.isdigit() or len(header) > 18:
        raise BadInput(
            f"{POLICY_HEADER} is not a policy version; send a number.",
            f"请求头 {POLICY_HEADER} 不是策略版本号，请填写数字。",
            field=POLICY_HEADER,
        )
    await feed.wait_for_version(guard, int(header))
    return int(header)


async def _signed_content(request: Request) -> bytes:
    """Return what the actor context signs: the body, or the query string of a GET."""
    if request.method == "GET":
        return request.url.query.encode()
    return await body_of(request, MAX_BODY)


def _parameters(request: Request, body: bytes) -> dict[str, Any]:
    """Return the query, variables and operation name of a request. Raise `BadInput`."""
    parameters: Any
    if request.method == "GET":
        parameters = dict(request.query_params)
        if "variables" in parameters:
            parameters["variables"] = _parsed(parameters["variables"].encode(), "variables")
    else:
        if request.headers.get("content-type", "").split(";")[0].strip() != _JSON:
            raise BadInput(
                f"content-type must be {_JSON}.",
                f"请求头 content-type 必须为 {_JSON}。",
                field="content-type",
            )
        parameters = _parsed(body, "body")
    if not isinstance(parameters, dict) or not isinstance(parameters.get("query"), str):
        raise BadInput(
            'The request must be a JSON object with a string "query".',
            "请求必须是包含字符串 query 的 JSON 对象。",
            field="query",
        )
    if not isinstance(parameters.get("variables"), dict | None):
        raise BadInput("variables must be an object.", "variables 必须是对象。", field="variables")
    if not isinstance(parameters.get("operationName"), str | None):
        raise BadInput(
            "operationName must be a string.", "operationName 必须是字符串。", field="operationName"
        )
    return parameters


async def body_of(request: Request, most: int) -> bytes:
    """Return the body of at most `most` bytes. Raise `LimitExceeded` for a larger one."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise LimitExceeded(
                f"The body is larger than {most} bytes; send a smaller request.",
                f"请求体超过 {most} 字节，请减小请求。",
                limit="body",
                allowed=most,
            )
        parts.append(part)
    return b"".join(parts)


def _parsed(raw: bytes, name: str) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as problem:
        raise BadInput(
            f"{name} is not JSON (line {problem.lineno}, column {problem.colno}).",
            f"{name} 不是合法的 JSON（第 {problem.lineno} 行第 {problem.colno} 列）。",
            field=name,
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
    """Return the HTTP status and the body of an error response."""
    extensions = {"code": problem.code} | problem.extra
    if problem.field:
        extensions["field"] = problem.field
    error = {"message": problem.message(locale), "extensions": extensions}
    return problem.status, {"errors": [error]}


def circumstances_of(request: Request) -> audit.Circumstances:
    """Return what the audit events of a request have in common.

    The purpose is percent-encoded where it is not plain ASCII, for a header holds nothing else;
    bytes that cannot be decoded are left out.
    """
    decoded = unquote(request.headers.get("x-purpose", ""), errors="ignore")
    purpose = "".join(character for character in decoded if character.isprintable()).strip()
    return audit.Circumstances(
        purpose=purpose[:LONGEST_PURPOSE] or None,
        address=request.client.host if request.client else None,
        policy_version=request.app.state.runtime.guard.version,
    )


def device_of(request: Request) -> str:
    """Return the client's user agent; the gateway forwards that of its client as `x-device`."""
    headers = request.headers
    return (headers.get("x-device") or headers.get("user-agent", ""))[:500]


def locale_of(request: Request) -> str:
    """Return the language of texts: "zh" if Accept-Language starts with Chinese, else "en"."""
    return "zh" if request.headers.get("accept-language", "").lower().startswith("zh") else "en"
