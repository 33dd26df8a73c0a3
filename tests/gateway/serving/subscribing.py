"""The auction house served for real, and clients of both protocols that see every message."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import requests
from starlette.applications import Starlette
from starlette.routing import Mount, Route
from strawberry.asgi import GraphQL
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from gateway.app import create
from gateway.composition import compose
from gateway.settings import EventSource, Settings
from gateway.supergraph import Subgraph, Supergraph
from tests.gateway.serving import auction
from tests.support.event_stream import sse_endpoint
from tests.support.serve import served

PATIENCE = 10


@dataclass
class AuctionHouse:
    """A gateway in front of the auction's subgraphs."""

    url: str
    state: Any
    sdl: str

    @property
    def ws(self) -> str:
        return f"ws{self.url.removeprefix('http')}/graphql"

    @asynccontextmanager
    async def connected(self, token: str | None = None) -> AsyncIterator[Client]:
        """A client that is past its `connection_init`."""
        async with self.raw() as client:
            payload = {"authorization": token} if token else None
            await client.say(type="connection_init", **({"payload": payload} if payload else {}))
            assert await client.hear() == {"type": "connection_ack"}
            yield client

    @asynccontextmanager
    async def raw(self, *protocols: str) -> AsyncIterator[Client]:
        names = [Subprotocol(name) for name in protocols or (GRAPHQL_TRANSPORT_WS_PROTOCOL,)]
        async with connect(self.ws, subprotocols=names, proxy=None, compression=None) as connection:
            yield Client(connection)

    def stream(self, query: str, method: str = "POST", **headers: str) -> requests.Response:
        return requests.request(
            method,
            f"{self.url}/graphql",
            json={"query": query} if method == "POST" else None,
            params={"query": query} if method == "GET" else None,
            headers={"accept": "text/event-stream", **headers},
            timeout=PATIENCE,
            stream=True,
        )


class Client:
    """Speaks graphql-transport-ws word by word."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def say(self, **message: Any) -> None:
        await self.connection.send(json.dumps(message))

    async def subscribe(self, query: str, id: str = "1", **payload: Any) -> None:
        await self.say(type="subscribe", id=id, payload={"query": query, **payload})

    async def hear(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE):
            found: dict[str, Any] = json.loads(await self.connection.recv())
        if isinstance(found.get("payload"), dict):
            found["payload"].pop("extensions", None)
        return found

    async def all(self) -> list[dict[str, Any]]:
        """Everything up to `complete` or `error`."""
        found: list[dict[str, Any]] = []
        while not found or found[-1]["type"] == "next":
            found.append(await self.hear())
        return found

    async def closed(self) -> tuple[int, str]:
        """How the other side closed the connection."""
        with suppress(ConnectionClosed):
            while True:
                await self.hear()
        close = self.connection.close_code, self.connection.close_reason
        assert close[0] is not None
        return close[0], close[1] or ""


def events(response: requests.Response) -> list[tuple[str, Any]]:
    """An event stream, read to its end."""
    assert response.headers["content-type"].startswith("text/event-stream"), response.text
    found: list[tuple[str, Any]] = []
    for block in response.content.decode().split("\n\n"):
        lines = [line for line in block.split("\n") if line and not line.startswith(":")]
        if lines:
            fields = dict(line.split(":", 1) for line in lines)
            data = fields["data"].strip()
            answer = json.loads(data) if data else None
            if isinstance(answer, dict):
                answer.pop("extensions", None)
            found.append((fields["event"].strip(), answer))
    return found


def subgraph_apps() -> dict[str, Any]:
    return {
        "people": Starlette(routes=[Mount("/", GraphQL(auction.people))]),
        "auction": Starlette(
            routes=[
                Route("/sse", sse_endpoint(auction.auction), methods=["POST"]),
                Mount("/", GraphQL(auction.auction)),
            ]
        ),
    }


SCHEMAS = {"people": auction.people, "auction": auction.auction}


def composed(urls: dict[str, str]) -> str:
    found = compose([Subgraph(n, urls[n], schema.as_str()) for n, schema in SCHEMAS.items()])
    assert isinstance(found, Supergraph), found
    return found.sdl


@contextmanager
def auction_house(
    source: str = "ws",
    event_source_url: str | None = None,
    edited: Callable[[str], str] = str,
    **changes: Any,
) -> Iterator[AuctionHouse]:
    """Run everything; `source` is the protocol between gateway and subgraph."""
    with ExitStack() as stack:
        urls = {n: stack.enter_context(served(app)) for n, app in subgraph_apps().items()}
        if source == "sse":
            url = event_source_url or f"{urls['auction']}/sse"
            way = EventSource(protocol="sse", url=url)
            changes["event_sources"] = {"auction": way}
        changes.setdefault("supergraph", edited(composed(urls)))
        app = create(Settings(**changes))
        url = stack.enter_context(served(app))
        yield AuctionHouse(url, app.state.gateway, composed(urls))


async def nobody_watches(house: AuctionHouse) -> None:
    """Wait until no subscription is left, neither at the gateway nor at the subgraph."""
    async with asyncio.timeout(PATIENCE):
        while auction.WATCHERS or house.state.metrics.subscriptions:  # noqa: ASYNC110  other threads
            await asyncio.sleep(0.02)
