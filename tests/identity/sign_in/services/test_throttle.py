"""Tries are counted for one name from one address; where they cannot be counted, none is made."""

from __future__ import annotations

import asyncio
import time

import pytest
from redis.asyncio import Redis

from chassis.errors import Throttled, Unavailable
from identity.sign_in.services import throttle
from identity.sign_in.services.throttle import Throttle
from tests.support.waiting import stretched


async def test_counts_names_and_addresses_apart(own_redis: str) -> None:
    async with Redis.from_url(own_redis) as redis:
        counted = Throttle(redis, attempts=2, window_seconds=30)
        for _ in range(2):
            await counted.count_attempt("apart", "10.0.0.1")

        await counted.count_attempt("apart", "10.0.0.2")
        await counted.count_attempt("other", "10.0.0.1")
        with pytest.raises(Throttled) as refused:
            await counted.count_attempt("apart", "10.0.0.1")

        assert 1 <= refused.value.extra["retry_after"] <= 30
        await counted.reset("apart", "10.0.0.1")
        await counted.count_attempt("apart", "10.0.0.1")


async def test_trying_on_does_not_lengthen_the_wait(own_redis: str) -> None:
    async with Redis.from_url(own_redis) as redis:
        counted = Throttle(redis, attempts=1, window_seconds=1)
        await counted.count_attempt("patient", "10.0.0.1")
        started = time.monotonic()
        while True:
            try:
                await counted.count_attempt("patient", "10.0.0.1")
                break
            except Throttled:
                await asyncio.sleep(0.05)

        assert time.monotonic() - started < stretched(3)


async def test_without_valkey_nobody_signs_in() -> None:
    async with Redis.from_url("redis://127.0.0.1:1/0") as redis:
        with pytest.raises(Unavailable):
            await Throttle(redis, attempts=5, window_seconds=30).count_attempt(
                "anybody", "10.0.0.1"
            )


async def test_a_valkey_that_does_not_answer_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def silent(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(5)

    monkeypatch.setattr(throttle, "TIMEOUT_SECONDS", 0.2)
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    redis = Redis.from_url(f"redis://127.0.0.1:{port}/0")
    with pytest.raises(Unavailable):
        await Throttle(redis, attempts=5, window_seconds=30).count_attempt("anybody", "10.0.0.1")

    server.close()
    await redis.aclose()
