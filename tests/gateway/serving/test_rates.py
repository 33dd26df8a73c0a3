"""How much one client may ask: counted here or in Valkey, by token, key or address; and what costs too much."""

from __future__ import annotations

import hashlib
from typing import Any, Literal

import requests

from gateway.errors import RateLimited
from gateway.protection import Clients, Protection, Rates
from gateway.serving.rates import Limiter
from tests.gateway.graphs import a_supergraph
from tests.gateway.serving.conftest import House, Running, Start

NOWHERE = "redis://127.0.0.1:1"


def ask(gateway: Running, **headers: str) -> requests.Response:
    return gateway.post({"query": "{__typename}"}, **headers)


def statuses(gateway: Running, count: int, **headers: str) -> list[int]:
    return [ask(gateway, **headers).status_code for _ in range(count)]


async def test_lets_a_burst_in_and_then_as_much_as_runs_out() -> None:
    now = [0.0]
    limiter = Limiter(Rates(requests=3, seconds=30), production=False, clock=lambda: now[0])

    assert [await _wait(limiter, "a") for _ in range(4)] == [0, 0, 0, 10]
    assert await _wait(limiter, "b") == 0
    now[0] += 10
    assert [await _wait(limiter, "a") for _ in range(2)] == [0, 10]


async def _wait(limiter: Limiter, client: str) -> int:
    try:
        await limiter.count(client)
    except RateLimited as error:
        return int(error.extra["retryAfter"])
    return 0


def test_tells_a_client_when_to_come_back(start: Start, house: House) -> None:
    with start(protection=Protection(rates=Rates(requests=2, seconds=60))) as gateway:
        assert statuses(gateway, 2) == [200, 200]
        refused = gateway.post({"query": "{products{upc}}"}, accept_language="zh")

    assert refused.status_code == 429
    (error,) = refused.json()["errors"]
    assert error["extensions"] == {"code": "RATE_LIMITED", "retryAfter": 30}
    assert error["message"] == "请求过于频繁，请在 30 秒后重试。"
    assert refused.headers["retry-after"] == "30"
    assert refused.headers["ratelimit-limit"] == "2"
    assert refused.headers["ratelimit-remaining"] == "0"
    assert house.products.requests == 0


def test_known_keys_are_clients_and_invented_ones_are_not(start: Start) -> None:
    keys = {hashlib.sha256(b"till-key").hexdigest(): "till"}
    protection = Protection(rates=Rates(requests=1), clients=Clients(keys=keys))
    with start(protection=protection) as gateway:
        assert statuses(gateway, 2, x_api_key="till-key") == [200, 429]
        assert [ask(gateway, x_api_key=f"made-up-{n}").status_code for n in range(3)] == [
            200,
            429,
            429,
        ]


def test_several_gateways_count_together(start: Start, empty_redis: str) -> None:
    shared = Protection(rates=Rates(requests=3, redis_url=empty_redis))
    with start(protection=shared) as one, start(protection=shared) as other:
        found = [*statuses(one, 2), *statuses(other, 2), *statuses(one, 1)]

    assert found == [200, 200, 200, 429, 429]


def test_without_its_store_production_refuses_and_development_does_not(start: Start) -> None:
    cases: list[tuple[bool, Literal["open", "closed"] | None, int]] = [
        (True, None, 429),
        (False, None, 200),
        (True, "open", 200),
        (False, "closed", 429),
    ]
    for production, when, status in cases:
        rates = Rates(requests=9, redis_url=NOWHERE, when_unreachable=when)
        with start(production=production, protection=Protection(rates=rates)) as gateway:
            assert statuses(gateway, 2) == [status, status]


# ------------------------------------------------------------------------------------------ cost

PRICED = """
    type Query {
      products(first: Int): [Product!]! @listSize(assumedSize: 50, slicingArguments: ["first"])
      page(first: Int = 5): Page! @listSize(slicingArguments: ["first"], sizedFields: ["items"])
      things: [Thing!]
      report(deep: Boolean @cost(weight: 7)): Int @cost(weight: 20)
    }
    type Page { items: [Product!]! total: Int }
    type Product { name: String score: Int @cost(weight: 3) owner: User }
    type User @cost(weight: 4) { name: String }
    union Thing = Product | User
    type Mutation { burn: Int }
"""


def cost(gateway: Running, query: str, **variables: Any) -> Any:
    body = {"query": query, "variables": variables}
    answer = gateway.post(body, x_include_cost="1").json()
    if "data" not in answer:
        return answer["errors"][0]["extensions"]["code"]
    return answer["extensions"]["cost"]["estimated"]


def test_estimates_what_an_operation_costs(start: Start) -> None:
    graph = a_supergraph(a=PRICED).sdl.replace("a.test", "127.0.0.1:1")
    with start(supergraph=graph, protection=Protection(cost=500)) as gateway:
        assert cost(gateway, "{__typename}") == 0
        assert cost(gateway, "{products(first:3){name}}") == 3
        assert cost(gateway, "{products{name}}") == 50
        assert cost(gateway, "query($n:Int=7){products(first:$n){name score}}") == 28
        assert cost(gateway, "query($n:Int){products(first:$n){name}}", n=4) == 4
        assert cost(gateway, "{products(first:2){owner{name}}}") == 10
        assert cost(gateway, "{page(first:5){total items{name}}}") == 6
        assert cost(gateway, "{things{...on Product{score} ...on User{name}}}") == 40
        assert cost(gateway, "{report(deep:true)}") == 27
        assert cost(gateway, "mutation{burn}") == 10
        assert cost(gateway, "{products(first:501){name}}") == "COST_ESTIMATED_TOO_EXPENSIVE"
        assert (
            cost(gateway, "query($n:Int){products(first:$n){name}}", n=2_000_000_000)
            == "COST_ESTIMATED_TOO_EXPENSIVE"
        )


def test_a_costly_operation_is_refused_before_anybody_works(start: Start, house: House) -> None:
    with start(production=True, protection=Protection(cost=20)) as gateway:
        fine = gateway.post({"query": "{products{upc}}"}, x_include_cost="1").json()
        asked = house.products.requests
        dear = gateway.post({"query": "{products{reviews{id}}}"}).json()

    assert "cost" not in fine["extensions"]
    assert dear["errors"][0]["extensions"] == {
        "code": "COST_ESTIMATED_TOO_EXPENSIVE",
        "cost": 110,
        "limit": 20,
    }
    assert house.products.requests == asked
