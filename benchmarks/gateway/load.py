"""Sends requests as fast as a gateway answers, over kept-alive connections; checks every answer."""

from __future__ import annotations

import asyncio
import http.client
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import httptools
import orjson
import uvloop

from benchmarks.gateway.processes import Failed

Numbers = Iterator[int]
NUMBERS: Numbers = itertools.count(1)
"""Numbers that are unique in one run: for traces and for documents that must be new."""

SAMPLED = 100
"""One request in so many is traced."""


@dataclass
class Result:
    """The answers of one measurement."""

    answers: int = 0
    wrong: int = 0
    seconds: list[float] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        """Return the latency in milliseconds that this share of requests does not exceed."""
        return sorted(self.seconds)[int(len(self.seconds) * share)] * 1000


def request(path: str, query: str, tokens: Sequence[bytes]) -> Callable[[int], bytes]:
    """Return a function of n that prints the n-th request.

    It carries the next token, and `NEW` in the query is replaced by n.
    """
    body = orjson.dumps({"query": query})
    length = len(body.replace(b"NEW", b"new%08d" % 0))

    def nth(number: int) -> bytes:
        traced = 1 if number % SAMPLED == 0 else 0
        head = (
            b"POST %b HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
            b"accept: application/json\r\nauthorization: Bearer %b\r\n"
            b"traceparent: 00-%032x-%016x-%02d\r\ncontent-length: %d\r\n\r\n"
            % (path.encode(), tokens[number % len(tokens)], number, number, traced, length)
        )
        return head + body.replace(b"NEW", b"new%08d" % number)

    return nth


def ask(port: int, path: str, query: str, token: bytes = b"") -> Any:
    """Send one query; return the parsed answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    number = next(NUMBERS)
    try:
        connection.request(
            "POST",
            path,
            orjson.dumps({"query": query.replace("NEW", f"new{number:08}")}),
            {
                "content-type": "application/json",
                "accept": "application/json",
                "authorization": f"Bearer {token.decode()}",
            },
        )
        body = connection.getresponse().read()
    except OSError as error:
        raise Failed(f"no answer: {error}") from error
    finally:
        connection.close()
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Failed(f"not JSON: {body[:200]!r}") from error


def press(port: int, nth: Callable[[int], bytes], seconds: float, connections: int = 16) -> Result:
    """Keep so many requests under way for so many seconds; return the answers."""
    return uvloop.run(_press(port, nth, seconds, connections))


async def _press(
    port: int, nth: Callable[[int], bytes], seconds: float, connections: int
) -> Result:
    loop = asyncio.get_running_loop()
    result = Result()
    end = time.perf_counter() + seconds
    clients = [Client(nth, end, result) for _ in range(connections)]
    for client in clients:
        await loop.create_connection(lambda client=client: client, "127.0.0.1", port)  # type: ignore[misc]  # a default argument binds the loop's client
    _, late = await asyncio.wait([client.done for client in clients], timeout=seconds + 60)
    if late:
        raise Failed(f"{len(late)} requests were never answered")
    return result


class Client(asyncio.Protocol):
    """One connection: it sends the next request when the last one is answered."""

    def __init__(self, nth: Callable[[int], bytes], end: float, result: Result) -> None:
        self.nth, self.end, self.result = nth, end, result
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's do not inherit from it
        self._next()

    def _next(self) -> None:
        self.parser: Any = httptools.HttpResponseParser(self)
        self.faulty, self.size = False, 0
        self.sent = time.perf_counter()
        self.transport.write(self.nth(next(NUMBERS)))

    def data_received(self, data: bytes) -> None:
        """Pass the bytes to the parser."""
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        """Look for `errors`, which is at the beginning or at the end of an answer."""
        self.size += len(body)
        self.faulty = self.faulty or b'"errors"' in body

    def on_message_complete(self) -> None:
        """Count the answer, and send the next request until the time is over."""
        now = time.perf_counter()
        result = self.result
        result.answers += 1
        result.seconds.append(now - self.sent)
        if self.faulty or self.parser.get_status_code() != 200 or not self.size:
            result.wrong += 1
        if now < self.end:
            self._next()
        else:
            self.transport.close()
            self._finish()

    def connection_lost(self, error: Exception | None) -> None:
        """Fail the benchmark when the gateway closes the connection early."""
        if not self.done.done():
            self.done.set_exception(Failed(f"the gateway closed the connection: {error}"))

    def _finish(self) -> None:
        if not self.done.done():
            self.done.set_result(None)
