"""Subgraphs over HTTP: one pooled client, deadlines, a cap on answers, retries where they are safe."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson
from opentelemetry.trace import Span
from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import (
    NetworkError,
    PyreqwestError,
    RequestTimeoutError,
)
from pyreqwest.response import Response

from gateway.errors import BadSubgraphAnswer, SubgraphFailed, SubgraphTimeout, SubgraphUnavailable
from gateway.execution.observe import Observer
from gateway.execution.transport import Answer, Request
from gateway.settings import SubgraphLimits

Headers = Sequence[tuple[str, str]]

ALWAYS_SENT: Headers = (
    ("content-type", "application/json"),
    ("accept", "application/graphql-response+json, application/json;q=0.9"),
    ("user-agent", "gateway"),
)
BUSY = frozenset({502, 503, 504})
RETRY_PAUSE = 0.05


class Subgraphs:
    """Every subgraph's address and the one connection pool; made after the fork, closed at the end."""

    def __init__(self, addresses: Mapping[str, str], limits: SubgraphLimits) -> None:
        self.addresses = addresses
        self.limits = limits
        self.client = _client(limits)

    def moved(self, addresses: Mapping[str, str]) -> "Subgraphs":
        """The same pool with other addresses, for a new supergraph."""
        other = object.__new__(Subgraphs)
        other.addresses, other.limits, other.client = addresses, self.limits, self.client
        return other

    async def close(self) -> None:
        """Give all connections back."""
        await self.client.close()


def _client(limits: SubgraphLimits) -> Client:
    # Inside a data centre compressing costs more than it saves, and a proxy from the environment
    # would see every token: neither is used. A redirected POST is a misconfiguration.
    return (
        ClientBuilder()
        .no_proxy()
        .follow_redirects(False)
        .gzip(False)
        .brotli(False)
        .zstd(False)
        .deflate(False)
        .max_connections(limits.connections)
        .connect_timeout(timedelta(seconds=limits.connect_seconds))
        .pool_idle_timeout(
            timedelta(seconds=4)
        )  # below uvicorn's 5 s, so it never meets a closed one
        .build()
    )


@dataclass(slots=True)
class Sender:
    """`send` for one request of one client: its headers, its deadline, its trace."""

    subgraphs: Subgraphs
    headers: Headers
    deadline: float  # on the clock of time.monotonic
    observer: Observer

    async def __call__(self, request: Request) -> Answer:
        """Send, retry what may be retried, and say how it went."""
        fetch = request.fetch
        started = time.perf_counter()
        span = self.observer.fetch_started(
            request, self.subgraphs.addresses.get(fetch.subgraph, "")
        )
        code = "OK"
        try:
            return await self._with_retries(request, span)
        except SubgraphFailed as failure:
            code = failure.code
            raise
        except asyncio.CancelledError:
            code = "CANCELLED"
            raise
        finally:
            self.observer.fetch_ended(span, fetch.subgraph, code, time.perf_counter() - started)

    async def _with_retries(self, request: Request, span: Span | None) -> Answer:
        tries = 1 + (self.subgraphs.limits.retries if request.fetch.kind == "query" else 0)
        for attempt in range(1, tries + 1):
            try:
                return await self._once(request, span)
            except SubgraphUnavailable as failure:
                slow = isinstance(failure.__cause__, RequestTimeoutError)
                if slow or attempt == tries or self._seconds_left() < RETRY_PAUSE * attempt:
                    raise
            await asyncio.sleep(RETRY_PAUSE * attempt)
        raise AssertionError("unreachable: the last try returns or raises")

    async def _once(self, request: Request, span: Span | None) -> Answer:
        name = request.fetch.subgraph
        try:
            address = self.subgraphs.addresses[name]
        except KeyError:
            raise _unavailable(name, "it has no address", "没有配置地址") from None
        seconds = self._seconds_left()
        if seconds <= 0:
            raise _timeout(name)
        try:
            outgoing = (
                self.subgraphs.client.post(address)
                .headers([*ALWAYS_SENT, *self.headers, *self.observer.trace_headers(span)])
                .body_bytes(request.body)
                .timeout(timedelta(seconds=seconds))
                .build_streamed()
            )
            async with outgoing as response:
                body = await _read(name, response, self.subgraphs.limits.response_bytes)
                return _parse(name, response, body)
        except RequestTimeoutError as error:
            if _while_connecting(error):
                raise _unavailable(
                    name, "it does not accept connections", "无法建立连接"
                ) from error
            raise _timeout(name) from error
        except NetworkError as error:
            raise _unavailable(name, "the connection failed", "连接失败") from error
        except PyreqwestError as error:
            raise _bad(name, "its answer is not valid HTTP", "响应不是有效的 HTTP") from error

    def _seconds_left(self) -> float:
        return min(self.subgraphs.limits.seconds, self.deadline - time.monotonic())


def _while_connecting(error: RequestTimeoutError) -> bool:
    # pyreqwest 0.15 raises ConnectTimeoutError for every timeout before the response's head; only
    # the chain of causes tells whether there was a connection.
    causes = (error.details or {}).get("causes") or ()
    return any("(Connect)" in cause["message"] for cause in causes)


async def _read(name: str, response: Response, limit: int) -> bytes | bytearray:
    """Read the body, but never more than `limit` bytes of it."""
    reader = response.body_reader
    first = await reader.read_chunk()
    if first is None:
        return b""
    body: bytes | bytearray = bytes(first)
    while len(body) <= limit:
        chunk = await reader.read_chunk()
        if chunk is None:
            return body
        if isinstance(body, bytes):
            body = bytearray(body)
        body += chunk
    raise _bad(name, f"its answer is larger than {limit} bytes", f"响应超过 {limit} 字节")


def _parse(name: str, response: Response, body: bytes | bytearray) -> Answer:
    status = response.status
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if status in BUSY:
            raise _unavailable(name, f"it answered HTTP {status}", f"返回 HTTP {status}") from error
        kind = (response.get_header("content-type") or "no content type").split(";")[0]
        raise _bad(
            name,
            f"it answered HTTP {status} with {kind}, not JSON",
            f"返回 HTTP {status} {kind}，不是 JSON",
        ) from error
    if is_answer(answer):
        return answer  # type: ignore[no-any-return]  # is_answer looked
    if status in BUSY:
        raise _unavailable(name, f"it answered HTTP {status}", f"返回 HTTP {status}")
    raise _bad(
        name,
        f"it answered HTTP {status} with JSON that is not a GraphQL response",
        f"返回 HTTP {status}，其 JSON 不是 GraphQL 响应",
    )


def is_answer(answer: Any) -> bool:
    """Whether this JSON has the form of a GraphQL response."""
    return (
        type(answer) is dict
        and ("data" in answer or bool(answer.get("errors")))
        and isinstance(answer.get("data"), dict | None)
        and isinstance(answer.get("errors"), list | None)
    )


def _unavailable(name: str, why: str, warum: str) -> SubgraphUnavailable:
    return SubgraphUnavailable(
        f'The subgraph "{name}" is not available: {why}.',
        f"子图“{name}”不可用：{warum}。",
        service=name,
    )


def _timeout(name: str) -> SubgraphTimeout:
    return SubgraphTimeout(
        f'The subgraph "{name}" did not answer in time.', f"子图“{name}”响应超时。", service=name
    )


def _bad(name: str, why: str, warum: str) -> BadSubgraphAnswer:
    return BadSubgraphAnswer(
        f'The subgraph "{name}" gave no usable answer: {why}.',
        f"子图“{name}”的响应无法使用：{warum}。",
        service=name,
    )
