"""Subgraphs over HTTP: addresses, deadlines, a cap on answers, retries where they are safe."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from opentelemetry.trace import Span

from gateway.errors import BadSubgraphAnswer, SubgraphFailed, SubgraphTimeout, SubgraphUnavailable
from gateway.execution.observe import Observer
from gateway.execution.transport import Answer, Request
from gateway.execution.wire import Broken, NoConnection, NotHTTP, Origin, Reply, TimedOut, TooLong
from gateway.settings import SubgraphLimits

Headers = Sequence[tuple[str, str]]

# Nothing is said about compression: inside a data centre it costs more than it saves.
ALWAYS_SENT: Headers = (
    ("content-type", "application/json"),
    ("accept", "application/graphql-response+json, application/json;q=0.9"),
    ("user-agent", "gateway"),
)
BUSY = frozenset({502, 503, 504})
RETRY_PAUSE = 0.05


class Subgraphs:
    """Every subgraph's address with the connections to it; made after the fork, closed at the end."""

    def __init__(self, addresses: Mapping[str, str], limits: SubgraphLimits) -> None:
        self.addresses = addresses
        self.limits = limits
        self.origins = {name: _origin(address, limits) for name, address in addresses.items()}

    def moved(self, addresses: Mapping[str, str]) -> "Subgraphs":
        """For a new supergraph: connections to addresses that stay are kept."""
        other = Subgraphs(addresses, self.limits)
        for name, origin in self.origins.items():
            if addresses.get(name) == self.addresses[name]:
                other.origins[name] = origin
            else:
                origin.close()
        return other

    async def close(self) -> None:
        """Give all connections back."""
        for origin in self.origins.values():
            origin.close()


def _origin(address: str, limits: SubgraphLimits) -> Origin:
    return Origin(
        address,
        connections=limits.connections,
        connect_seconds=limits.connect_seconds,
        response_bytes=limits.response_bytes,
    )


@dataclass(slots=True)
class Sender:
    """`send` for one request of one client: its headers, its deadline, its trace."""

    subgraphs: Subgraphs
    headers: Headers
    deadline: float  # on the clock of time.monotonic
    observer: Observer
    timeout_header: str = ""
    """Tells the subgraph how many milliseconds are left."""
    lines: bytes = field(init=False)

    def __post_init__(self) -> None:
        """Write the headers that all requests share."""
        self.lines = ALWAYS + _lines(self.headers)

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
                slow = isinstance(failure.__cause__, NoConnection) and failure.__cause__.slow
                if slow or attempt == tries or self._seconds_left() < RETRY_PAUSE * attempt:
                    raise
            await asyncio.sleep(RETRY_PAUSE * attempt)
        raise AssertionError("unreachable: the last try returns or raises")

    async def _once(self, request: Request, span: Span | None) -> Answer:
        name = request.fetch.subgraph
        origin = self.subgraphs.origins.get(name)
        if origin is None:
            raise _unavailable(name, "it has no address", "没有配置地址")
        seconds = self._seconds_left()
        if seconds <= 0:
            raise _timeout(name)
        lines = self.lines + _lines(self.observer.trace_headers(span))
        if self.timeout_header:
            lines += b"%b: %d\r\n" % (self.timeout_header.encode(), seconds * 1000)
        if request.content_type:
            kind = _lines((("content-type", request.content_type), *ALWAYS_SENT[1:]))
            lines = kind + lines[len(ALWAYS) :]
        try:
            return _parse(name, await origin.post(lines, request.body, seconds))
        except TimedOut as error:
            raise _timeout(name) from error
        except NoConnection as error:
            if error.slow:
                why = ("it does not accept connections", "无法建立连接")
            else:
                why = ("the connection failed", "连接失败")
            raise _unavailable(name, *why) from error
        except Broken as error:
            raise _unavailable(name, "the connection failed", "连接失败") from error
        except TooLong as error:
            limit = self.subgraphs.limits.response_bytes
            raise _bad(
                name, f"its answer is larger than {limit} bytes", f"响应超过 {limit} 字节"
            ) from error
        except NotHTTP as error:
            raise _bad(name, "its answer is not valid HTTP", "响应不是有效的 HTTP") from error

    def _seconds_left(self) -> float:
        return min(self.subgraphs.limits.seconds, self.deadline - time.monotonic())


def _lines(headers: Headers) -> bytes:
    text = "".join([f"{name}: {value}\r\n" for name, value in headers])
    if text.count("\n") > len(headers) or text.count("\r") > len(headers):
        raise ValueError("a header's value holds a line's end")
    return text.encode("latin-1")


ALWAYS = _lines(ALWAYS_SENT)


def _parse(name: str, reply: Reply) -> Answer:
    status = reply.status
    try:
        answer = orjson.loads(reply.body)
    except orjson.JSONDecodeError as error:
        if status in BUSY:
            raise _unavailable(name, f"it answered HTTP {status}", f"返回 HTTP {status}") from error
        kind = (reply.kind or "no content type").split(";")[0]
        bad = _bad(
            name,
            f"it answered HTTP {status} with {kind}, not JSON",
            f"返回 HTTP {status} {kind}，不是 JSON",
        )
        bad.http_status = status
        raise bad from error
    if is_answer(answer):
        return answer  # type: ignore[no-any-return]  # is_answer looked
    if status in BUSY:
        raise _unavailable(name, f"it answered HTTP {status}", f"返回 HTTP {status}")
    bad = _bad(
        name,
        f"it answered HTTP {status} with JSON that is not a GraphQL response",
        f"返回 HTTP {status}，其 JSON 不是 GraphQL 响应",
    )
    bad.http_status = status
    raise bad


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
