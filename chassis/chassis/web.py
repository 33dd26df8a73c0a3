"""The web process of a service: GraphQL endpoint, health checks and background jobs.

A service passes a `Service` and gets a Starlette application; everything that holds a socket or a
thread is created in its lifespan, so a process may be forked before it.
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
from joserfc.jwk import KeySetSerialization
from opentelemetry import metrics
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from strawberry.federation import Schema

from chassis import sql_spans, telemetry
from chassis.actor import Actor
from chassis.api.endpoint import Endpoint, body_of, errors_of, locale_of
from chassis.api.schema import Api
from chassis.audit.right_usage import RightUsage
from chassis.audit.writer import AuditWriter
from chassis.authentication import actor_context, revoked_sessions
from chassis.authentication.actor_context import ActorContextVerifier
from chassis.authentication.tokens import Verifier
from chassis.db import Database
from chassis.errors import HuichiError, Unauthenticated
from chassis.facts.relay import Relay
from chassis.facts.stream import Consumer, Handler
from chassis.policy import feed
from chassis.policy.guard import Guard
from chassis.server import run_server
from chassis.settings import Settings

log = logging.getLogger("huichi.chassis.web")

_JSON = "application/json"


@dataclass(frozen=True, kw_only=True)
class Service:
    """What a service adds to the chassis."""

    name: str
    settings: Settings
    schema: Schema
    resources: Sequence[object] = ()
    """Objects made once per process, which resolvers get by class with `context.resource`."""
    handlers: Mapping[str, Handler] = field(default_factory=dict)
    listens_to: Sequence[str] = ()
    routes: Sequence[BaseRoute] = ()
    background: Sequence[Callable[[Runtime], Awaitable[None]]] = ()
    keys: Callable[[Runtime], Awaitable[KeySetSerialization]] | None = None
    """Returns the token keys; identity reads its own database, others fetch from identity."""


class Runtime:
    """The open resources of a running service; `request.app.state.runtime`."""

    def __init__(self, service: Service) -> None:
        settings = service.settings
        self.service = service
        self.settings = settings
        self.db = Database(settings.database_url, application=service.name)
        sql_spans.watch(self.db.engine.sync_engine)
        self.redis: Redis = Redis.from_url(
            settings.redis_url, socket_connect_timeout=5, health_check_interval=15
        )
        self.audit_writer = AuditWriter(self.db)
        self.usage = RightUsage()
        self.guard = Guard(secret=settings.mask_secret)
        self.revoked_sessions = revoked_sessions.RevokedSessions()
        self.verifier = Verifier(self._keys, revoked=self.revoked_sessions)
        self.contexts = (
            ActorContextVerifier(settings.actor_secret, service.name)
            if settings.actor_secret
            else None
        )
        self.relay = Relay(self.db, self.redis, service.name, settings.database_url)

    async def _keys(self) -> KeySetSerialization:
        if self.service.keys is not None:
            return await self.service.keys(self)
        url = f"{self.settings.issuer_url.rstrip('/')}/.well-known/jwks.json"
        return await asyncio.to_thread(_fetch_keys, url)

    async def actor_of(self, request: Request) -> Actor | None:
        """Return the caller, or `None` without a token. Raise `Unauthenticated` for a bad token."""
        header = request.headers.get("authorization", "")
        if not header:
            return None
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthenticated(
                "The Authorization header must be `Bearer` followed by the access token.",
                "请求头 Authorization 的格式应为 Bearer 加访问令牌。",
            )
        actor = await self.verifier.actor(token.strip(), locale_of(request))
        self.guard.refuse_ended_access(actor)
        return actor

    def check_context(self, request: Request, body: bytes) -> None:
        """Raise `Denied` for an unsigned request, where settings require a signature."""
        if self.contexts is not None:
            self.contexts.check(
                request.headers.get(actor_context.HEADER),
                body=body,
                authorization=request.headers.get("authorization"),
                traceparent=request.headers.get("traceparent"),
            )

    async def close(self) -> None:
        """Close all connections."""
        await self.redis.aclose()
        await self.db.close()


def _fetch_keys(url: str) -> KeySetSerialization:
    response = requests.get(url, timeout=3, allow_redirects=False)
    response.raise_for_status()
    keys: KeySetSerialization = response.json()
    return keys


def application(service: Service) -> Starlette:
    """Return the web application of a service."""
    api = Api(service.schema, introspection=not service.settings.production)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        telemetry.start(service.name, service.settings)
        runtime = Runtime(service)
        app.state.runtime = runtime
        jobs = [
            asyncio.create_task(_supervise(name, job))
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

    endpoint = Endpoint(service.name, api)
    return Starlette(
        routes=[
            Route("/graphql", endpoint.serve, methods=["GET", "POST"]),
            Route("/livez", _alive),
            Route("/readyz", _ready),
            *service.routes,
        ],
        exception_handlers={HuichiError: _error_response},  # type: ignore[dict-item]  # handlers are contravariant
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
        ("usage", lambda: runtime.usage.run(runtime.db)),
        ("sessions", lambda: revoked_sessions.follow(runtime.redis, runtime.revoked_sessions)),
        *own,
    ]


async def _gauges(runtime: Runtime) -> None:
    """Set gauges of the outbox and the policy every few seconds."""
    meter = metrics.get_meter("huichi")
    age = meter.create_gauge("huichi.outbox.age", unit="s", description="Age of the oldest fact.")
    version = meter.create_gauge("huichi.policy.version", description="Policy version in force.")
    while True:
        with contextlib.suppress(SQLAlchemyError, OSError):
            age.set(await runtime.relay.age(), {"service": runtime.service.name})
        if runtime.guard.version is not None:
            version.set(runtime.guard.version, {"service": runtime.service.name})
        await asyncio.sleep(5)


async def _supervise(name: str, job: Callable[[], Awaitable[None]]) -> None:
    """Run a background job and restart it after an error, with growing pauses."""
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


async def _error_response(request: Request, problem: HuichiError) -> Response:
    """Return an error of a plain route in the shape of GraphQL errors."""
    status, body = errors_of(problem, locale_of(request))
    return Response(orjson.dumps(body, default=str), status_code=status, media_type=_JSON)


async def _alive(_: Request) -> Response:
    """Answer that the process runs, without checking anything else."""
    return Response("ok", media_type="text/plain")


async def _ready(request: Request) -> Response:
    """Answer whether requests can be served now, and if not, which part is missing."""
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
    """Run a service in this process until it is stopped."""
    run_server(app, host=settings.host, port=settings.port, timeout_graceful_shutdown=3)


__all__ = ["Runtime", "Service", "application", "body_of", "locale_of", "serve"]
