"""A GraphQL subgraph that serves its subscriptions as server-sent events,
as graphql-sse writes them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import strawberry
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse


def sse_endpoint(schema: strawberry.Schema) -> Any:
    """A handler: subscriptions as an event stream, everything else as one JSON answer."""

    async def endpoint(request: Request) -> Response:
        asked = await request.json()
        given = {
            "variable_values": asked.get("variables"),
            "operation_name": asked.get("operationName"),
            "context_value": {"request": request},
        }
        if "text/event-stream" not in request.headers.get("accept", ""):
            done = await schema.execute(asked["query"], **given)
            return JSONResponse(_json(done))
        found = await schema.subscribe(asked["query"], **given)
        return StreamingResponse(_events(found), media_type="text/event-stream")

    return endpoint


async def _events(found: Any) -> AsyncIterator[str]:
    yield ":\n\n"
    if not hasattr(found, "__aiter__"):
        yield _event("next", _json(found))
    else:
        async for result in found:
            yield _event("next", _json(result))
    yield "event: complete\ndata:\n\n"


def _event(name: str, answer: Mapping[str, Any]) -> str:
    # Two lines of data make one text again; a parser that takes only the first one breaks.
    head, comma, tail = json.dumps(answer).partition(",")
    lines = f"data: {head}{comma}\n" + (f"data: {tail}\n" if tail else "")
    return f"event: {name}\n{lines}\n"


def _json(result: Any) -> dict[str, Any]:
    out: dict[str, Any] = {"data": result.data}
    if result.errors:
        out["errors"] = [error.formatted for error in result.errors]
    return out
