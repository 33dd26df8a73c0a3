"""The gateway as an ASGI application: GraphQL, health, numbers, and the page."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from gateway.serving.graphql import GraphQL
from gateway.serving.page import page_routes
from gateway.serving.state import State
from gateway.settings import Settings


def application(settings: Settings) -> Starlette:
    """Build the application; raises BadSupergraph when there is nothing to serve."""
    state = State(settings)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await state.start()
        following = asyncio.create_task(state.follow())
        try:
            yield
        finally:
            following.cancel()
            await state.stop()

    async def live(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(_: Request) -> Response:
        return JSONResponse(
            {"status": "ok" if state.ready else "unavailable"}, 200 if state.ready else 503
        )

    async def numbers(_: Request) -> Response:
        return PlainTextResponse(state.metrics.text(), media_type="text/plain; version=0.0.4")

    app = Starlette(
        routes=[
            Route("/graphql", GraphQL(state)),
            Route("/livez", live),
            Route("/readyz", ready),
            Route("/metrics", numbers),
            *page_routes(settings),
        ],
        lifespan=lifespan,
    )
    app.state.gateway = state
    return app
