"""How much one client may ask: counted here or in Valkey, by token, key or address."""

from __future__ import annotations

import hashlib
from typing import Literal

import requests

from gateway.errors import RateLimited
from gateway.protection import Clients, Protection, Rates
from gateway.serving.protection.rate_limits import RateLimiter
from tests.gateway.serving.conftest import House, Running, Start

NOWHERE = "redis://127.0.0.1:1"


def ask(gateway: Running, **headers: str) -> requests.Response:
    return gateway.post({"query": "{__typename}"}, **headers)


def statuses(gateway: Running, count: int, **headers: str) -> list[int]:
    return [ask(gateway, **headers).status_code for _ in range(count)]


async def test_lets_a_burst_in_and_then_as_much_as_runs_out() -> None:
    now = [0.0]
    limiter = RateLimiter(Rates(requests=3, seconds=30), production=False, clock=lambda: now[0])

    assert [await _wait(limiter, "a") for _ in range(4)] == [0, 0, 0, 10]
    assert await _wait(limiter, "b") == 0
    now[0] += 10
    assert [await _wait(limiter, "a") for _ in range(2)] == [0, 10]


async def _wait(limiter: RateLimiter, client: str) -> int:
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
