"""Subgraphs that misbehave in every way HTTP allows: each fault has a name, a deadline,
and leaves no harm behind."""

import asyncio
import contextlib
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from gateway.errors import BadSubgraphAnswer, SubgraphTimeout, SubgraphUnavailable
from gateway.execution.http.client import Sender, Subgraphs
from gateway.execution.observer import NoObserver
from gateway.execution.transport import Request
from gateway.plan import Fetch, OperationKind
from gateway.settings import SubgraphLimits
from tests.support.waiting import stretched

LIMITS = SubgraphLimits(seconds=0.6, connect_seconds=0.5, response_bytes=10_000, retries=2)
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter, int], Awaitable[None]]


def http(
    body: bytes, status: str = "200 OK", kind: str = "application/json", length: int | None = None
) -> bytes:
    size = len(body) if length is None else length
    return (
        f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {size}\r\n\r\n".encode()
        + body
    )


GOOD = http(b'{"data":{"a":1}}')


@asynccontextmanager
async def subgraph(handler: Handler) -> AsyncIterator[tuple[Subgraphs, list[bytes]]]:
    """One subgraph named `shop`; the list holds the requests that arrived."""
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                requests.append(head + await reader.readexactly(size))
                await handler(reader, writer, len(requests))
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    subgraphs = Subgraphs({"shop": f"http://127.0.0.1:{port}/graphql"}, LIMITS)
    try:
        yield subgraphs, requests
    finally:
        await subgraphs.close()
        server.close()


def request(kind: OperationKind = "query") -> Request:
    return Request(Fetch(0, "shop", kind, "q", "{a}"), b'{"query":"{a}"}')


def sender(subgraphs: Subgraphs, seconds: float = 5) -> Sender:
    headers = [("authorization", "Bearer token")]
    return Sender(subgraphs, headers, time.monotonic() + seconds, NoObserver())


def sends(*answers: bytes) -> Handler:
    """Answers in turn; the last one is repeated."""

    async def handler(_: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(answers[min(number, len(answers)) - 1])

    return handler


async def hangs_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
    writer.close()


async def test_passes_headers_on_and_reuses_the_connection() -> None:
    async with subgraph(sends(GOOD)) as (subgraphs, requests):
        send = sender(subgraphs)

        answers = [await send(request()) for _ in range(3)]

        assert answers == [{"data": {"a": 1}}] * 3
        assert b"authorization: bearer token" in requests[0].lower()
        assert requests[0].endswith(b'{"query":"{a}"}')


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (
            http(b"<html>oops</html>", "500 Internal Server Error", "text/html"),
            "HTTP 500 with text/html, not JSON",
        ),
        (
            http(b"<html>hello</html>", kind="text/html; charset=utf-8"),
            "HTTP 200 with text/html, not JSON",
        ),
        (http(b'{"data":{"a"'), "HTTP 200 with application/json, not JSON"),
        (http(b""), "not JSON"),
        (http(b"[]"), "JSON that is not a GraphQL response"),
        (http(b'"text"'), "JSON that is not a GraphQL response"),
        (http(b"{}"), "JSON that is not a GraphQL response"),
        (http(b'{"data":[1]}'), "JSON that is not a GraphQL response"),
        (http(b'{"errors":{}}'), "JSON that is not a GraphQL response"),
        (http(b'{"errors":[]}'), "JSON that is not a GraphQL response"),
        (
            http(b'{"message":"forbidden"}', "403 Forbidden"),
            "HTTP 403 with JSON that is not a GraphQL response",
        ),
        (http(b"", "302 Found"), "HTTP 302"),
        (http(b'{"data":{"a":"' + b"x" * 20_000 + b'"}}'), "larger than 10000 bytes"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "no usable response|not available"),
    ],
)
async def test_an_answer_that_is_no_answer_is_named(answer: bytes, says: str) -> None:
    async with subgraph(sends(answer)) as (subgraphs, _):
        with pytest.raises((BadSubgraphAnswer, SubgraphUnavailable), match=says) as raised:
            await sender(subgraphs)(request())

    assert raised.value.extra == {"service": "shop"}


async def test_a_graphql_answer_counts_whatever_its_status() -> None:
    body = b'{"errors":[{"message":"no"}],"data":null}'
    async with subgraph(sends(http(body, "400 Bad Request"))) as (subgraphs, _):
        assert await sender(subgraphs)(request()) == {"errors": [{"message": "no"}], "data": None}


@pytest.mark.parametrize(
    "status", ["502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout"]
)
async def test_a_busy_subgraph_is_asked_again(status: str) -> None:
    async with subgraph(sends(http(b"busy", status, "text/plain"), GOOD)) as (subgraphs, requests):
        assert await sender(subgraphs)(request()) == {"data": {"a": 1}}
        assert len(requests) == 2


async def test_a_query_is_sent_again_when_the_connection_breaks() -> None:
    async with subgraph(hangs_up) as (subgraphs, requests):
        with pytest.raises(SubgraphUnavailable, match='"shop" is not available'):
            await sender(subgraphs)(request())

        assert len(requests) == 3


async def test_a_mutation_is_never_sent_twice() -> None:
    async with subgraph(hangs_up) as (subgraphs, requests):
        with pytest.raises(SubgraphUnavailable):
            await sender(subgraphs)(request("mutation"))

        assert len(requests) == 1


async def test_an_answer_that_stops_half_way_is_a_broken_connection() -> None:
    async def stops(_: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(http(b'{"data":', length=500))
        await writer.drain()
        writer.close()

    async with subgraph(stops) as (subgraphs, _):
        with pytest.raises((SubgraphUnavailable, BadSubgraphAnswer)):
            await sender(subgraphs)(request())


async def test_nobody_listening_is_said_at_once() -> None:
    async with subgraph(sends(GOOD)) as (subgraphs, _):
        pass
    started = time.monotonic()
    closed = Subgraphs(subgraphs.addresses, LIMITS)

    with pytest.raises(SubgraphUnavailable, match='The subgraph "shop" is not available'):
        await sender(closed)(request())

    assert time.monotonic() - started < stretched(0.5)
    await closed.close()


async def test_a_subgraph_without_an_address_is_named() -> None:
    nowhere = Subgraphs({}, LIMITS)

    with pytest.raises(SubgraphUnavailable, match="no address"):
        await sender(nowhere)(request())

    await nowhere.close()


async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
    await asyncio.sleep(5)


async def drips(_: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
    writer.write(http(b"", length=5_000))
    for _beat in range(100):
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("handler", [silent, drips])
@pytest.mark.parametrize("left", [5.0, 0.2])
async def test_the_earlier_of_both_deadlines_holds(handler: Handler, left: float) -> None:
    async with subgraph(handler) as (subgraphs, requests):
        started = time.monotonic()

        with pytest.raises(SubgraphTimeout, match="did not answer in time"):
            await sender(subgraphs, left)(request())

        assert time.monotonic() - started < min(left, LIMITS.seconds) + stretched(0.5)
        assert len(requests) == 1


async def test_nothing_is_sent_after_the_deadline() -> None:
    async with subgraph(sends(GOOD)) as (subgraphs, requests):
        with pytest.raises(SubgraphTimeout):
            await sender(subgraphs, -1)(request())

        assert not requests


async def test_the_pool_recovers_after_slow_answers() -> None:
    async def slow_at_first(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        await (
            silent(reader, writer, number) if number <= 5 else sends(GOOD)(reader, writer, number)
        )

    async with subgraph(slow_at_first) as (subgraphs, _):
        failed = await asyncio.gather(
            *(sender(subgraphs, 0.2)(request()) for _ in range(5)), return_exceptions=True
        )
        assert all(isinstance(error, SubgraphTimeout) for error in failed)

        assert await sender(subgraphs)(request()) == {"data": {"a": 1}}


@pytest.mark.skipif(sys.platform != "linux", reason="fills a backlog the way Linux counts it")
async def test_a_subgraph_that_accepts_no_connection_is_unavailable() -> None:
    with contextlib.ExitStack() as sockets:
        full = sockets.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        limits = SubgraphLimits(connect_seconds=0.2)
        subgraphs = Subgraphs({"shop": f"http://127.0.0.1:{full.getsockname()[1]}/"}, limits)

        with pytest.raises(SubgraphUnavailable, match="does not accept connections"):
            await sender(subgraphs)(request())

        await subgraphs.close()
