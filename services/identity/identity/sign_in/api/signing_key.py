"""The public token keys as a JWK set, where every verifier looks for them (RFC 7517)."""

from __future__ import annotations

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis.web import Runtime
from identity.sign_in.services.sign_in_service import SignInService

PATH = "/.well-known/jwks.json"


def route(sign_in_service: SignInService) -> Route:
    """Return the route of the JWK set.

    It may be cached for some seconds, since new keys are published ahead.
    """

    async def show(request: Request) -> Response:
        runtime: Runtime = request.app.state.runtime
        return Response(
            orjson.dumps(await sign_in_service.published_keys(runtime.db)),
            media_type="application/jwk-set+json",
            headers={"cache-control": "public, max-age=5"},
        )

    return Route(PATH, show)
