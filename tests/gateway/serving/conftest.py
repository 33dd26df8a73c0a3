"""Three real subgraphs that can be put into a bad mood, and a gateway in front of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send
from strawberry.asgi import GraphQL

from gateway.app import create
from gateway.composition import compose
from gateway.serving.http.fast_path import fast_path_protocol
from gateway.settings import Settings, SubgraphLimits
from gateway.supergraph import Subgraph, Supergraph
from tests.gateway.serving import shop
from tests.support.serve import served

SUBGRAPH_SECONDS = 20.0
"""What a busy machine may need for an answer; tests of deadlines set their own."""
MOODS = {
    "broken": Response("boom", 500, media_type="text/plain"),
    "html": Response("<html>Welcome</html>", media_type="text/html"),
    "truncated": Response('{"data":{"_entities":[{"na', media_type="application/json"),
    "wrong": Response(
        '{"data":{"_entities":[{"name":5},{"name":[1]}]}}', media_type="application/json"
    ),
    "refusing": Response(
        '{"errors":[{"message":"Who are you?","extensions":{"code":"UNAUTHENTICATED"}}]}',
        media_type="application/json",
    ),
}


class Moody:
    """A subgraph whose mood a test may choose; counts its requests."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.mood = "well"
        self.requests = 0
        self.heard: list[dict[str, str]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.requests += 1
            self.heard.append({k.decode(): v.decode() for k, v in scope["headers"]})
            if self.mood == "slow":
                await asyncio.sleep(1.5)
            elif self.mood in MOODS:
                await MOODS[self.mood](scope, receive, send)
                return
        await self.app(scope, receive, send)


@dataclass
class House:
    """The shop's subgraphs, running."""

    accounts: Moody
    products: Moody
    reviews: Moody
    urls: dict[str, str]
    supergraph: Supergraph

    def all(self) -> tuple[Moody, ...]:
        return self.accounts, self.products, self.reviews


@pytest.fixture(scope="session")
def running_house() -> Iterator[House]:
    schemas = {"accounts": shop.accounts, "products": shop.products, "reviews": shop.reviews}
    parts = {
        name: Moody(Starlette(routes=[Mount("/", GraphQL(schema))]))
        for name, schema in schemas.items()
    }
    with ExitStack() as stack:
        urls = {name: stack.enter_context(served(part)) for name, part in parts.items()}
        supergraph = compose(
            [Subgraph(name, urls[name], schema.as_str()) for name, schema in schemas.items()]
        )
        assert isinstance(supergraph, Supergraph), supergraph
        yield House(**parts, urls=urls, supergraph=supergraph)


@pytest.fixture
def house(running_house: House) -> Iterator[House]:
    for part in running_house.all():
        part.requests, part.heard = 0, []
    yield running_house
    for part in running_house.all():
        part.mood = "well"


Ask = Callable[..., dict[str, Any]]


@dataclass
class Running:
    """A gateway that listens."""

    url: str

    def post(self, body: Any, **headers: str) -> requests.Response:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return requests.post(f"{self.url}/graphql", json=body, headers=names, timeout=60)

    def ask(
        self, query: str, variables: dict[str, Any] | None = None, **headers: str
    ) -> dict[str, Any]:
        """The answer without its extensions."""
        answer: dict[str, Any] = self.post(
            {"query": query, "variables": variables}, **headers
        ).json()
        answer.pop("extensions", None)
        return answer

    def get(self, path: str, **headers: str) -> requests.Response:
        return requests.get(f"{self.url}{path}", headers=headers, timeout=60)


Start = Callable[..., AbstractContextManager[Running]]


@pytest.fixture(scope="session")
def start(running_house: House) -> Start:
    """Start a gateway with settings of the test's own."""

    @contextmanager
    def start(**changes: Any) -> Iterator[Running]:
        changes.setdefault("supergraph", running_house.supergraph.sdl)
        changes.setdefault("subgraph_limits", SubgraphLimits(seconds=SUBGRAPH_SECONDS, retries=0))
        app = create(Settings(**changes))
        with served(app, proxy_headers=False, http=fast_path_protocol(app.graphql)) as url:
            yield Running(url)

    return start


@pytest.fixture(scope="session")
def running_gateway(start: Start) -> Iterator[Running]:
    with start(trace_url="http://traces.example/{trace_id}") as running:
        yield running


@pytest.fixture
def gateway(running_gateway: Running, house: House) -> Running:
    """The gateway that most tests share; subgraphs are in a good mood."""
    return running_gateway
