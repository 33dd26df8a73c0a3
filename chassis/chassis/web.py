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
from chassis.authentication.actor_context import Contexts
from chassis.authentication.tokens import Verifier
from chassis.db import Database
from chassis.errors import HuichiError, Unauthenticated
from chassis.facts.relay import Relay
from chassis.facts.stream import Consumer, Handler
from chassis.policy import feed
from chassis.policy.guard import Guard
from chassis.settings import Settings

log = logging.getLogger("huichi.chassis.web")

_JSON = "application/json"


@dataclass(frozen=True, kw_only=True)
class Service:
    """What one service adds to the chassis."""

    name: str
    settings: Settings
    schema: Schema
    resources: Sequence[object] = ()
    """What resolvers ask for by class with `context.resource`: made once a process."""
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
            Contexts(settings.actor_secret, service.name) if settings.actor_secret else None
        )
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
        actor = await self.verifier.actor(token.strip(), locale_of(request))
        self.guard.refuse_ended_access(actor)
        return actor

    def check_context(self, request: Request, body: bytes) -> None:
        """Raises `Denied` for a request that did not come from the gateway or a peer, where the
        settings ask for that."""
        if self.contexts is not None:
            self.contexts.check(
                request.headers.get(actor_context.HEADER),
                body=body,
                authorization=request.headers.get("authorization"),
                traceparent=request.headers.get("traceparent"),
            )

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

    endpoint = Endpoint(service.name, api)
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
        ("usage", lambda: runtime.usage.run(runtime.db)),
        ("sessions", lambda: revoked_sessions.follow(runtime.redis, runtime.revoked_sessions)),
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


async def _refused(request: Request, problem: HuichiError) -> Response:
    """Plain routes answer errors in the same shape as GraphQL does."""
    status, body = errors_of(problem, locale_of(request))
    return Response(orjson.dumps(body, default=str), status_code=status, media_type=_JSON)


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


__all__ = ["Runtime", "Service", "application", "body_of", "locale_of", "serve"]
