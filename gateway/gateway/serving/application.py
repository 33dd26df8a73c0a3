"""The gateway as an ASGI application: GraphQL, health checks, metrics, and GraphiQL."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from gateway.serving.http.endpoint import GraphQLEndpoint
from gateway.serving.http.graphiql_page import page_routes
from gateway.serving.state import State
from gateway.serving.streaming.websocket import WebSocketEndpoint
from gateway.settings import Settings

Lifespan = Callable[[Starlette], contextlib.AbstractAsyncContextManager[None]]


class Gateway(Starlette):
    """Starlette with a shortcut to GraphQL; its layers would cost a tenth of a small request."""

    def __init__(
        self, graphql: GraphQLEndpoint, routes: Sequence[BaseRoute], lifespan: Lifespan
    ) -> None:
        super().__init__(routes=routes, lifespan=lifespan)
        self.graphql = graphql
        self._websocket = WebSocketEndpoint(graphql.pipeline)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, past Starlette's layers if it is GraphQL."""
        if scope["type"] == "http" and scope["path"] == "/graphql":
            await self.graphql(scope, receive, send)
        elif scope["type"] == "websocket" and scope["path"] == "/graphql":
            await self._websocket(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def application(settings: Settings) -> Gateway:
    """Build the application; raises BadSupergraph when the supergraph cannot be read."""
    state = State(settings)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await state.start()
        pinned = state.guard.pinned
        followers = [asyncio.create_task(state.follow())]
        if pinned is not None:
            followers.append(asyncio.create_task(pinned.follow()))
        try:
            yield
        finally:
            for task in followers:
                task.cancel()
            await state.stop()

    async def live(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(_: Request) -> Response:
        return JSONResponse(
            {"status": "ok" if state.ready else "unavailable"}, 200 if state.ready else 503
        )

    async def metrics(_: Request) -> Response:
        return PlainTextResponse(state.metrics.text(), media_type="text/plain; version=0.0.4")

    async def keys(_: Request) -> Response:
        return JSONResponse(state.guard.actors.jwks if state.guard.actors else {"keys": []})

    graphql = GraphQLEndpoint(state)
    app = Gateway(
        graphql,
        routes=[
            Route("/graphql", graphql),
            Route("/livez", live),
            Route("/readyz", ready),
            Route("/metrics", metrics),
            Route("/.well-known/jwks.json", keys),
            *page_routes(settings),
        ],
        lifespan=lifespan,
    )
    app.state.gateway = state
    return app
