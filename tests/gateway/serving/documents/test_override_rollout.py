"""Progressive @override while it is served: by name, or for a share of the requests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from gateway.serving.documents.override_rollout import OverrideRollout
from gateway.settings import Settings
from tests.gateway.graphs import a_supergraph
from tests.gateway.serving.conftest import Start
from tests.support.serve import served


def graph(label: str) -> str:
    return a_supergraph(
        old="type Query { price: String }",
        new=f'type Query {{ price: String @override(from: "old", label: "{label}") }}',
    ).sdl


@pytest.fixture(scope="module")
def urls() -> Iterator[dict[str, str]]:
    def answering(name: str) -> Starlette:
        async def answer(_: Request) -> JSONResponse:
            return JSONResponse({"data": {"price": name}})

        return Starlette(routes=[Route("/", answer, methods=["POST"])])

    with ExitStack() as stack:
        yield {name: stack.enter_context(served(answering(name))) for name in ("old", "new")}


@pytest.mark.parametrize(
    ("label", "on", "who"),
    [
        ("checkout", (), "old"),
        ("checkout", ("other",), "old"),
        ("checkout", ("checkout",), "new"),
        ("percent(0)", (), "old"),
        ("percent(100)", (), "new"),
        ("percent(0)", ("percent(0)",), "new"),
    ],
)
def test_a_label_says_who_answers(
    start: Start, urls: dict[str, str], label: str, on: tuple[str, ...], who: str
) -> None:
    with start(supergraph=graph(label), labels=on, subgraph_urls=urls) as gateway:
        answers = [gateway.ask("{ price }") for _ in range(5)]

    assert answers == [{"data": {"price": who}}] * 5


def test_a_share_of_the_requests_goes_to_the_new_one(start: Start, urls: dict[str, str]) -> None:
    with start(supergraph=graph("percent(50)"), subgraph_urls=urls) as gateway:
        answers = {gateway.ask("{ price }")["data"]["price"] for _ in range(60)}

    assert answers == {"old", "new"}, "missing one of them happens once in 2^59 runs"


def test_each_request_has_its_own_luck_and_plans_are_kept() -> None:
    supergraph = a_supergraph(
        old="type Query { a: Int b: Int }",
        new='type Query { a: Int @override(from: "old", label: "percent(25)") '
        'b: Int @override(from: "old", label: "percent(75)") }',
    )
    luck = iter([0.1, 0.9, 0.3, 0.5, 0.2, 0.8])
    rollout = OverrideRollout(supergraph, Settings(supergraph=""), lambda: next(luck))

    first, second, third = (rollout.documents() for _ in range(3))

    assert first.labels == {"percent(25)"}
    assert second.labels == {"percent(75)"}
    assert third is first
