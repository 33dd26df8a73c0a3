"""What every service's web process is made of: the GraphQL endpoint, the health of the process,
and the background work that keeps facts and policy flowing.

A service hands in a `Service` and gets a Starlette application; everything that holds a socket or
a thread is made in its lifespan, so a process may be forked before it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import requests
import uvicorn
from joserfc.jwk import KeySetSerialization
from opentelemetry import metrics
from opentelemetry.trace import SpanKind
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from strawberry.federation import Schema

from chassis import telemetry
from chassis.actor import Actor, Verifier
from chassis.api.context import Context
from chassis.api.schema import Api
from chassis.db import Database
from chassis.errors import BadInput, HuichiError, LimitExceeded, Unauthenticated
from chassis.outbox import Relay
from chassis.policy import feed
from chassis.policy.guard import Guard
from chassis.settings import Settings
from chassis.stream import Consumer, Handler

log = logging.getLogger("huichi.chassis.web")

MAX_BODY = 8 * 1024 * 1024
_JSON = "application/json"
_GRAPHQL_JSON = "application/graphql-response+json"


@dataclass(frozen=True, kw_only=True)
class Service:
    """What one service adds to the chassis."""

    name: str
    settings: Settings
    schema: Schema
    loaders: Callable[[Context[Any]], Any] = lambda context: None
    handlers: Mapping[str, Handler] = field(default_factory=dict)
    listens_to: Sequence[str] = ()
    routes: Sequence[BaseRoute] = ()
    background: Sequence[Callable[[Runtime], Awaitable[None]]] = ()
    keys: Callable[[Runtime], Awaitable[KeySetSerialization]] | None = None
    """Where token keys come from; identity has them in its own database."""


class Runtime:
    """The open resources of a running service; `request.app.state.runtime`."""

    def __init__(self, service: Service) -> None:
        settings = service.settings
        self.service = service
        self.settings = settings
        self.db = Database(settings.database_url, application=service.name)
        telemetry.watch(self.db.engine.sync_engine)
        self.redis: Redis = Redis.from_url(
            settings.redis_url, socket_connect_timeout=5, health_check_interval=15
        )
        self.guard = Guard()
        self.verifier = Verifier(self._keys)
        self.relay = Relay(self.db, self.redis, service.name, settings.database_url)

    async def _keys(self) -> KeySetSerialization:
        if self.service.keys is not None:
            return await self.service.keys(self)
        url = f"{self.settings.issuer_url.rstrip('/')}/.well-known/jwks.json"
        return await asyncio.to_thread(_fetch_keys, url)

    async def actor_of(self, request: Request) -> Actor | None:
        """Who sent this request, or None without a token. Raises `Unauthenticated`."""
        header = request.headers.get("authorization", "")
        if not header:
            return None
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthenticated(
                "Authorization must be `Bearer` and the access token.",
                "请求头 Authorization 的格式应为 Bearer 加访问令牌。",
            )
        return await self.verifier.actor(token.strip(), locale_of(request))

    async def close(self) -> None:
        await self.redis.aclose()
        await self.db.close()


def _fetch_keys(url: str) -> KeySetSerialization:
    answer = requests.get(url, timeout=3, allow_redirects=False)
    answer.raise_for_status()
    keys: KeySetSerialization = answer.json()
    return keys


def application(service: Service) -> Starlette:
    """The web application of a service."""
    api = Api(service.schema, introspection=not service.settings.production)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        telemetry.start(service.name, service.settings)
        runtime = Runtime(service)
        app.state.runtime = runtime
        jobs = [
            asyncio.create_task(_kept_running(name, job))
            for name, job in _background(service, runtime)
        ]
        try:
            yield
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)
            await runtime.close()
            await asyncio.to_thread(telemetry.stop)

    endpoint = _Endpoint(service, api)
    return Starlette(
        routes=[
            Route("/graphql", endpoint.serve, methods=["GET", "POST"]),
            Route("/livez", _alive),
            Route("/readyz", _ready),
            *service.routes,
        ],
        exception_handlers={HuichiError: _refused},  # type: ignore[dict-item]  # handlers are contravariant
        lifespan=lifespan,
    )


def _background(
    service: Service, runtime: Runtime
) -> list[tuple[str, Callable[[], Awaitable[None]]]]:
    consumer = Consumer(
        runtime.db,
        runtime.redis,
        service.name,
        service.listens_to,
        service.handlers,
        name=f"{os.uname().nodename}:{os.getpid()}",
    )
    own = [(job.__name__, lambda job=job: job(runtime)) for job in service.background]
    return [
        ("gauges", lambda: _gauges(runtime)),
        ("relay", runtime.relay.run),
        ("facts", consumer.run),
        ("policy", lambda: feed.follow(runtime.redis, runtime.guard)),
        *own,
    ]


async def _gauges(runtime: Runtime) -> None:
    """Tells every few seconds how far behind the facts and the policy are."""
    meter = metrics.get_meter("huichi")
    age = meter.create_gauge("huichi.outbox.age", unit="s", description="Age of the oldest fact.")
    version = meter.create_gauge("huichi.policy.version", description="Policy version in force.")
    while True:
        with contextlib.suppress(SQLAlchemyError, OSError):
            age.set(await runtime.relay.age(), {"service": runtime.service.name})
        if runtime.guard.version is not None:
            version.set(runtime.guard.version, {"service": runtime.service.name})
        await asyncio.sleep(5)


async def _kept_running(name: str, job: Callable[[], Awaitable[None]]) -> None:
    """Background work that fails is started again; it says so, and waits longer each time."""
    wait = 0.5
    while True:
        started = time.monotonic()
        try:
            await job()
            return
        except Exception:
            log.exception("%s stopped and is started again", name)
        wait = 0.5 if time.monotonic() - started > 60 else min(wait * 2, 30)
        await asyncio.sleep(wait)


class _Endpoint:
    """GraphQL over HTTP for one service."""

    def __init__(self, service: Service, api: Api) -> None:
        self._service = service
        self._api = api
        self._seconds = metrics.get_meter("huichi").create_histogram(
            "huichi.graphql.request", unit="s", description="Time to answer a GraphQL request."
        )

    async def serve(self, request: Request) -> Response:
        started = time.perf_counter()
        runtime: Runtime = request.app.state.runtime
        with telemetry.span(
            f"{self._service.name} graphql",
            kind=SpanKind.SERVER,
            parent=request.headers.get("traceparent"),
        ) as span:
            status, body = 200, {}
            try:
                asked = await _asked(request)
                context: Context[Any] = Context(
                    db=runtime.db,
                    guard=runtime.guard,
                    actor=await runtime.actor_of(request),
                    locale=locale_of(request),
                    client=request.client.host if request.client else "",
                    runtime=runtime,
                )
                context.loaders = self._service.loaders(context)
                name = asked.get("operationName")
                body = await self._api.answer(
                    asked["query"],
                    asked.get("variables"),
                    name,
                    context,
                    queries_only=request.method == "GET",
                )
                if name:
                    span.set_attribute("graphql.operation.name", name[:100])
            except HuichiError as problem:
                status, body = _errors(problem, locale_of(request))
            if errors := body.get("errors"):
                span.set_attribute("graphql.errors", len(errors))
                span.set_attribute("graphql.error.code", errors[0]["extensions"]["code"])
            response = _respond(request, status, body)
            if found := telemetry.trace_id():
                response.headers["x-trace-id"] = found
        self._seconds.record(time.perf_counter() - started, {"service": self._service.name})
        return response


async def _asked(request: Request) -> dict[str, Any]:
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
        asked = _parsed(await body_of(request, MAX_BODY), "body")
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


def _errors(problem: HuichiError, locale: str) -> tuple[int, dict[str, Any]]:
    extensions = {"code": problem.code} | problem.extra
    if problem.field:
        extensions["field"] = problem.field
    error = {"message": problem.message(locale), "extensions": extensions}
    return problem.status, {"errors": [error]}


async def _refused(request: Request, problem: HuichiError) -> Response:
    """Plain routes answer errors in the same shape as GraphQL does."""
    status, body = _errors(problem, locale_of(request))
    return Response(orjson.dumps(body, default=str), status_code=status, media_type=_JSON)


def locale_of(request: Request) -> str:
    """The reader's language: "zh" if they ask for Chinese first, else "en"."""
    return "zh" if request.headers.get("accept-language", "").lower().startswith("zh") else "en"


async def _alive(_: Request) -> Response:
    """The process runs; nothing else is looked at."""
    return Response("ok", media_type="text/plain")


async def _ready(request: Request) -> Response:
    """Whether requests can be answered now, and if not, what is missing."""
    runtime: Runtime = request.app.state.runtime
    checks: dict[str, Any] = {"policy": runtime.guard.version if runtime.guard.ready else None}
    try:
        async with asyncio.timeout(2):
            async with runtime.db.engine.connect() as connection:
                await connection.execute(text("SELECT 1 FROM outbox LIMIT 1"))
            checks["database"] = True
    except (SQLAlchemyError, OSError, TimeoutError):
        checks["database"] = False
    try:
        async with asyncio.timeout(2):
            checks["redis"] = bool(await runtime.redis.ping())
    except (RedisError, OSError, TimeoutError):
        checks["redis"] = False
    ready = checks["policy"] is not None and checks["database"] and checks["redis"]
    return Response(
        orjson.dumps({"ready": ready, **checks}),
        status_code=200 if ready else 503,
        media_type=_JSON,
    )


def serve(app: Starlette, settings: Settings) -> None:
    """Runs one service in this process until it is told to stop."""
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=3,
    )
