"""Every way in which an HTTP/1.1 server may disturb a connection,
and none of them reaches the next request."""

import asyncio
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from gateway.execution.http import connection, connection_pool
from gateway.execution.http.connection import Connection
from gateway.execution.http.connection_pool import Origin
from gateway.execution.http.outcomes import Broken, NoConnection, NotHTTP, Reply, TimedOut, TooLong
from tests.support.waiting import stretched

HEADERS = b"content-type: application/json\r\n"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@asynccontextmanager
async def origin(
    serve: Serve, connections: int = 8, most: int = 10_000
) -> AsyncIterator[tuple[Origin, list[int]]]:
    """A server, and the list of its connections' numbers."""
    seen: list[int] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(len(seen))
        try:
            await serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    found = Origin(
        f"http://127.0.0.1:{port}/graphql?x=1",
        connections=connections,
        connect_seconds=1,
        response_bytes=most,
    )
    try:
        yield found, seen
    finally:
        found.close()
        server.close()


async def asked(reader: asyncio.StreamReader) -> bytes:
    """Read one request; its body."""
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"POST /graphql?x=1 HTTP/1.1\r\nhost: 127.0.0.1:")
    return await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))


def answers(*written: bytes, pause: float = 0.0) -> Serve:
    """Answers each request with the same pieces."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await asked(reader)
            for piece in written:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause)

    return serve


def echoes() -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            body = await asked(reader)
            await asyncio.sleep(0.01)
            writer.write(answer(body))

    return serve


async def post(origin: Origin, body: bytes = b"{}", seconds: float = 2) -> Reply:
    return await origin.post(HEADERS, body, seconds)


async def test_keeps_the_connection() -> None:
    async with origin(answers(answer(b"ok", "Content-Type: Text/Plain"))) as (found, seen):
        replies = [await post(found) for _ in range(5)]

        assert replies == [Reply(200, "text/plain", b"ok")] * 5
        assert seen == [0]


@pytest.mark.parametrize(
    "pieces",
    [
        [
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            b"2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n",
        ],
        [
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\na",
            b"bc\r\n0\r\nt: 1\r\n\r\n",
        ],
        [bytes([byte]) for byte in answer(b"abc")],
        [b"HTTP/1.1 100 Continue\r\n\r\n", answer(b"abc")],
        [b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + answer(b"abc")],
    ],
)
async def test_reads_every_framing_and_keeps_the_connection(pieces: list[bytes]) -> None:
    async with origin(answers(*pieces)) as (found, seen):
        assert [(await post(found)).body for _ in range(3)] == [b"abc"] * 3
        assert seen == [0]


async def test_an_answer_without_length_ends_with_its_connection() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nabc")

    async with origin(serve) as (found, seen):
        assert [(await post(found)).body for _ in range(2)] == [b"abc"] * 2
        assert seen == [0, 1]


async def test_a_connection_that_the_server_wants_closed_is_not_used_again() -> None:
    async with origin(answers(answer(b"ok", "connection: close"))) as (found, seen):
        assert [(await post(found)).body for _ in range(3)] == [b"ok"] * 3
        assert seen == [0, 1, 2]


@pytest.mark.parametrize(
    "junk", [answer(b"not yours"), b"garbage", b"HTTP/1.1 200 OK\r\n", b"\x00\xff" * 50]
)
async def test_what_follows_an_answer_reaches_nobody(junk: bytes) -> None:
    async with origin(answers(answer(b"yours") + junk)) as (found, seen):
        assert [(await post(found)).body for _ in range(3)] == [b"yours"] * 3
        assert seen == [0, 1, 2]


async def test_what_comes_unasked_closes_the_idle_connection() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked(reader)
        writer.write(answer(b"yours"))
        await writer.drain()
        await asyncio.sleep(0.02)
        writer.write(answer(b"not yours"))
        await asked(reader)

    async with origin(serve) as (found, seen):
        assert (await post(found)).body == b"yours"
        await asyncio.sleep(0.05)
        assert (await post(found)).body == b"yours"
        assert seen == [0, 1]


async def test_a_connection_closed_while_idle_is_replaced_unnoticed() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked(reader)
        writer.write(answer(b"ok"))

    async with origin(serve) as (found, seen):
        for _ in range(3):
            assert (await post(found)).body == b"ok"
            await asyncio.sleep(0.02)
        assert seen == [0, 1, 2]
        assert found.open == 0


async def test_a_connection_idle_for_long_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "IDLE_SECONDS", 0.05)
    monkeypatch.setattr(connection_pool, "IDLE_SECONDS", 0.05)
    async with origin(answers(answer(b"ok"))) as (found, seen):
        await post(found)
        await asyncio.sleep(0.2)
        assert found.open == 0
        await post(found)
        assert seen == [0, 1]


@pytest.mark.parametrize(
    ("pieces", "error"),
    [
        ([b""], Broken),
        ([b"HTTP/1.1 200 OK\r\ncontent-le"], Broken),
        ([b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc"], Broken),
        ([b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab"], Broken),
        ([b"SSH-2.0-OpenSSH\r\n"], NotHTTP),
        ([b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 5\r\n\r\nabc"], NotHTTP),
        ([b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"], NotHTTP),
        (
            [b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"],
            NotHTTP,
        ),
        ([b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * 70_000], NotHTTP),
        ([answer(b"x" * 20_000)], TooLong),
        ([b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 8_000, b"x" * 8_000], TooLong),
    ],
)
async def test_an_answer_that_is_none_is_named(pieces: list[bytes], error: type[Exception]) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked(reader)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)

    async with origin(serve) as (found, _):
        with pytest.raises(error):
            await post(found)
        await asyncio.sleep(0.05)
        assert found.open == 0


async def test_a_reset_is_a_broken_connection() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked(reader)
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async with origin(serve) as (found, _):
        with pytest.raises(Broken):
            await post(found)


async def test_a_server_that_hangs_up_its_half_may_still_be_answered_by_nobody() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked(reader)
        writer.write_eof()
        await asyncio.sleep(1)

    async with origin(serve) as (found, _):
        started = time.monotonic()
        with pytest.raises(Broken):
            await post(found)
        assert time.monotonic() - started < stretched(0.5)


async def test_silence_ends_at_the_deadline_and_the_late_answer_reaches_nobody() -> None:
    late = True

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal late
        while True:
            body = await asked(reader)
            if late:
                late = False
                await asyncio.sleep(0.2)
            writer.write(answer(body))

    async with origin(serve) as (found, seen):
        with pytest.raises(TimedOut):
            await post(found, b"first", 0.1)
        assert (await post(found, b"second")).body == b"second"
        await asyncio.sleep(0.2)
        assert (await post(found, b"third")).body == b"third"
        assert seen == [0, 1]


async def test_who_stops_waiting_leaves_no_answer_behind() -> None:
    async with origin(echoes()) as (found, _):
        task = asyncio.create_task(post(found, b"given up"))
        await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert (await post(found, b"mine")).body == b"mine"


async def test_many_at_once_share_few_connections_and_nobody_gets_anothers_answer() -> None:
    async with origin(echoes(), connections=3) as (found, seen):
        bodies = [str(number).encode() for number in range(40)]

        replies = await asyncio.gather(*(post(found, body) for body in bodies))

        assert [reply.body for reply in replies] == bodies
        assert len(seen) == 3


async def test_waiting_for_a_connection_ends_at_the_deadline_and_frees_the_place() -> None:
    async with origin(answers(b"", pause=0.15), connections=1) as (found, _):
        first = asyncio.create_task(post(found, seconds=0.3))
        await asyncio.sleep(0.02)

        with pytest.raises(TimedOut):
            await post(found, seconds=0.05)
        with pytest.raises(TimedOut):
            await first

        await asyncio.sleep(0.02)
        assert found.open == 0


async def test_a_cancelled_crowd_leaves_the_pool_whole() -> None:
    async with origin(echoes(), connections=2) as (found, _):
        tasks = [asyncio.create_task(post(found, b"%d" % number)) for number in range(30)]
        await asyncio.sleep(0.015)
        for task in tasks[::2]:
            task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)

        assert [r.body for r in done[1::2] if isinstance(r, Reply)] == [
            b"%d" % number for number in range(1, 30, 2)
        ]
        assert (await post(found, b"after")).body == b"after"
        assert found.open <= 2


async def test_who_gives_up_just_when_the_answer_is_there_disturbs_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with origin(echoes(), connections=1) as (found, seen):
        first = asyncio.create_task(post(found, b"first"))
        second = asyncio.create_task(post(found, b"second"))
        free = found.free

        def free_and_give_up(connection: Connection) -> None:
            free(connection)
            first.cancel()

        monkeypatch.setattr(found, "free", free_and_give_up)

        assert (await second).body == b"second"
        assert first.cancelled()
        assert seen == [0]


async def test_a_server_that_accepts_and_hangs_up_is_not_waited_for() -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with origin(serve) as (found, _):
        started = time.monotonic()
        for _attempt in range(5):
            with pytest.raises((Broken, NoConnection)):
                await post(found)
        assert time.monotonic() - started < stretched(0.5)
        await asyncio.sleep(0.02)
        assert found.open == 0


async def test_giving_up_while_connecting_leaves_the_count_right() -> None:
    async with origin(answers(answer(b"ok")), connections=2) as (found, _):
        for turns in range(12):
            task = asyncio.create_task(post(found))
            for _turn in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await asyncio.sleep(0.01)
            assert 0 <= found.open <= 2
        found.close()
        await asyncio.sleep(0.02)
        assert found.open == 0


async def test_nobody_listening_and_no_address_are_no_connection() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        for address in (f"http://127.0.0.1:{port}/", "", "ftp://127.0.0.1/", "http://a:b/"):
            found = Origin(address, connections=1, connect_seconds=1, response_bytes=10)
            with pytest.raises(NoConnection):
                await found.post(HEADERS, b"", 1)
            assert found.open == 0


async def test_closing_lets_the_busy_one_finish() -> None:
    async with origin(echoes()) as (found, _):
        task = asyncio.create_task(post(found, b"last"))
        await asyncio.sleep(0.005)
        found.close()

        assert (await task).body == b"last"
        await asyncio.sleep(0.01)
        assert found.open == 0
