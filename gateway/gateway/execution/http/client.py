"""The HTTP client of the subgraphs: addresses, deadlines, a limit on responses, safe retries."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from opentelemetry.trace import Span

from gateway.errors import BadSubgraphAnswer, SubgraphFailed, SubgraphTimeout, SubgraphUnavailable
from gateway.execution.http.connection_pool import Origin
from gateway.execution.http.outcomes import (
    NoConnection,
    NotHTTP,
    Reply,
    TimedOut,
    TooLong,
    WireError,
)
from gateway.execution.http.signing import Signer
from gateway.execution.observer import Observer
from gateway.execution.transport import Answer, Request
from gateway.settings import SubgraphLimits

Headers = Sequence[tuple[str, str]]

# No Accept-Encoding: inside a data centre compression costs more than it saves.
ALWAYS_SENT: Headers = (
    ("content-type", "application/json"),
    ("accept", "application/graphql-response+json, application/json;q=0.9"),
    ("user-agent", "gateway"),
)
BUSY = frozenset({502, 503, 504})
"""HTTP statuses of a server that is not available now."""
RETRY_PAUSE = 0.05


class Subgraphs:
    """Every subgraph's address with the connections to it; made after a fork, closed at the end."""

    def __init__(self, addresses: Mapping[str, str], limits: SubgraphLimits) -> None:
        self.addresses = addresses
        self.limits = limits
        self.origins = {name: _origin(address, limits) for name, address in addresses.items()}

    def with_addresses(self, addresses: Mapping[str, str]) -> "Subgraphs":
        """Return the subgraphs of a new supergraph; connections to unchanged addresses are kept."""
        other = Subgraphs(addresses, self.limits)
        for name, origin in self.origins.items():
            if addresses.get(name) == self.addresses[name]:
                other.origins[name] = origin
            else:
                origin.close()
        return other

    async def close(self) -> None:
        """Close all connections."""
        for origin in self.origins.values():
            origin.close()


def _origin(address: str, limits: SubgraphLimits) -> Origin:
    return Origin(
        address,
        connections=limits.connections,
        connect_seconds=limits.connect_seconds,
        response_bytes=limits.response_bytes,
    )


class Sender:
    """The `send` function of one request of one client: its headers, its deadline, its trace."""

    __slots__ = (
        "deadline",
        "lines",
        "observer",
        "signer",
        "subgraphs",
        "timeout_header",
        "token",
    )

    def __init__(
        self,
        subgraphs: Subgraphs,
        headers: Headers,
        deadline: float,
        observer: Observer,
        timeout_header: bytes = b"",
        signer: Signer | None = None,
    ) -> None:
        """Take a deadline on the clock of time.monotonic.

        `timeout_header` names the header that tells subgraphs what is left of it. The signer proves
        that requests are the gateway's own.
        """
        self.subgraphs = subgraphs
        self.deadline = deadline
        self.observer = observer
        self.timeout_header = timeout_header
        self.signer = signer
        self.token = dict(headers).get("authorization") if signer else None
        self.lines = ALWAYS + lines_of(headers)

    async def __call__(self, request: Request) -> Answer:
        """Send one request, retry it where that is safe, and report to the observer.

        Raises SubgraphFailed.
        """
        name = request.fetch.subgraph
        observer, subgraphs = self.observer, self.subgraphs
        started = time.perf_counter()
        span = observer.fetch_started(request, subgraphs.addresses.get(name, ""))
        code = "OK"
        try:
            origin = subgraphs.origins.get(name)
            if origin is None:
                raise _unavailable(name, "it has no address", "没有配置地址")
            digest = None
            if request.stream is not None and self.signer is not None:
                digest = await asyncio.to_thread(request.stream.digest)
            lines = self._lines(request, span, digest)
            attempt = 0
            while True:
                attempt += 1
                try:
                    return _parse(name, await self._post(origin, lines, request))
                except SubgraphUnavailable as failure:
                    if not self._may_retry(request, failure, attempt):
                        raise
                await asyncio.sleep(RETRY_PAUSE * attempt)
        except SubgraphFailed as failure:
            code = failure.code
            raise
        except asyncio.CancelledError:
            code = "CANCELLED"
            raise
        finally:
            observer.fetch_ended(span, name, code, time.perf_counter() - started)

    def _lines(self, request: Request, span: Span | None, digest: bytes | None) -> bytes:
        traced = self.observer.trace_lines(span)
        lines = self.lines + traced
        if self.signer is not None:
            parent = traced[len("traceparent: ") :].decode() if traced else ""
            signed = self.signer.header(
                request.fetch.subgraph, self.token, request.body, parent, digest
            )
            lines += lines_of((signed,))
        if request.content_type:
            kind = lines_of((("content-type", request.content_type), *ALWAYS_SENT[1:]))
            lines = kind + lines[len(ALWAYS) :]
        return lines

    async def _post(self, origin: Origin, lines: bytes, request: Request) -> Reply:
        name = request.fetch.subgraph
        limits = self.subgraphs.limits
        seconds = self.deadline - time.monotonic()
        if request.stream is None and seconds > limits.seconds:
            seconds = limits.seconds
        if seconds <= 0:
            raise _timeout(name)
        if self.timeout_header:
            lines = b"%b%b: %d\r\n" % (lines, self.timeout_header, seconds * 1000)
        try:
            return await origin.post(lines, request.body, seconds, request.stream)
        except WireError as error:
            raise _failure(name, error, limits) from error

    def _may_retry(self, request: Request, failure: SubgraphFailed, attempt: int) -> bool:
        """Tell whether to retry: queries only, and not after a connection timed out."""
        if request.fetch.kind != "query" or attempt > self.subgraphs.limits.retries:
            return False
        cause = failure.__cause__
        if isinstance(cause, NoConnection) and cause.slow:
            return False
        return self.deadline - time.monotonic() >= RETRY_PAUSE * attempt


def _failure(name: str, error: WireError, limits: SubgraphLimits) -> SubgraphFailed:
    """Return the client's error for a failure of the connection."""
    match error:
        case TimedOut():
            return _timeout(name)
        case NoConnection() if error.slow:
            return _unavailable(name, "it does not accept connections", "无法建立连接")
        case TooLong():
            limit = limits.response_bytes
            return _bad(
                name, f"its response is larger than {limit} bytes", f"响应超过 {limit} 字节"
            )
        case NotHTTP():
            return _bad(name, "its response is not valid HTTP", "响应不是有效的 HTTP")
        case _:
            return _unavailable(name, "the connection failed", "连接失败")


def lines_of(headers: Headers) -> bytes:
    """Return headers as lines of HTTP; raises ValueError for a value with a line break."""
    text = "".join([f"{name}: {value}\r\n" for name, value in headers])
    if text.count("\n") > len(headers) or text.count("\r") > len(headers):
        raise ValueError("a header holds a line break")
    return text.encode("latin-1")


ALWAYS = lines_of(ALWAYS_SENT)


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
    """Tell whether this JSON has the form of a GraphQL response."""
    return (
        type(answer) is dict
        and ("data" in answer or bool(answer.get("errors")))
        and isinstance(answer.get("data"), dict | None)
        and isinstance(answer.get("errors"), list | None)
    )


def _unavailable(name: str, why: str, why_zh: str) -> SubgraphUnavailable:
    return SubgraphUnavailable(
        f'The subgraph "{name}" is not available: {why}.',
        f"子图“{name}”不可用：{why_zh}。",
        service=name,
    )


def _timeout(name: str) -> SubgraphTimeout:
    return SubgraphTimeout(
        f'The subgraph "{name}" did not answer in time.', f"子图“{name}”响应超时。", service=name
    )


def _bad(name: str, why: str, why_zh: str) -> BadSubgraphAnswer:
    return BadSubgraphAnswer(
        f'The subgraph "{name}" sent no usable response: {why}.',
        f"子图“{name}”的响应无法使用：{why_zh}。",
        service=name,
    )
