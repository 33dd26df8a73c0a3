"""A large body goes out a little at a time, and whatever ends it early,
its connection carries nothing else after it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from gateway.execution.http.outcomes import Broken, TimedOut
from gateway.execution.transport import Stream
from tests.gateway.execution.http.test_connection_pool import (
    HEADERS,
    Serve,
    answer,
    answers,
    asked,
    origin,
)

PIECE = b"x" * 65_536


class Large(Stream):
    """So many pieces; counts those that were wanted."""

    def __init__(self, count: int) -> None:
        super().__init__(count * len(PIECE))
        self.count = count
        self.taken = 0

    def pieces(self) -> Iterator[bytes]:
        for _ in range(self.count):
            self.taken += 1
            yield PIECE


async def test_arrives_whole_and_leaves_the_connection_to_others() -> None:
    bodies: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            bodies.append(await asked(reader))
            writer.write(answer(b"{}"))

    async with origin(serve) as (found, seen):
        first = await found.post(HEADERS, b"", 20, Large(100))
        second = await found.post(HEADERS, b"small", 20)

    assert (first.body, second.body) == (b"{}", b"{}")
    assert bodies == [PIECE * 100, b"small"]
    assert seen == [0], "one connection did for both"


async def test_is_read_no_faster_than_the_other_side_takes_it() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    large = Large(10_000)
    async with origin(serve) as (found, _):
        with pytest.raises(TimedOut):
            await found.post(HEADERS, b"", 0.5, large)

    assert large.taken < 500, "the sockets' buffers, and not much more"


def refusing(status: str, *, read_on: bool) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer(b"{}", status=status))
        await writer.drain()
        while read_on and await reader.read(65_536):
            pass
        await asyncio.sleep(1)

    return serve


@pytest.mark.parametrize("read_on", [True, False])
async def test_an_early_answer_is_the_answer_and_the_rest_is_nobodys_request(read_on: bool) -> None:
    large = Large(10_000)
    async with origin(refusing("413 Too Large", read_on=read_on)) as (found, seen):
        early = await found.post(HEADERS, b"", 20, large)
        again = await found.post(HEADERS, b"", 20, Large(10_000))

    assert (early.status, again.status) == (413, 413)
    assert large.taken < 10_000
    assert seen == [0, 1]


async def test_a_connection_that_breaks_is_said_so() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(100_000)
        writer.transport.abort()

    async with origin(serve) as (found, _):
        with pytest.raises(Broken):
            await found.post(HEADERS, b"", 20, Large(10_000))
        assert found.open == 0


async def test_whoever_gives_up_leaves_no_half_request_behind() -> None:
    async with origin(answers(answer(b"{}"))) as (found, seen):
        asking = asyncio.create_task(found.post(HEADERS, b"", 20, Large(100_000)))
        await asyncio.sleep(0.1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert (await found.post(HEADERS, b"", 20)).body == b"{}"

    assert seen == [0, 1]
