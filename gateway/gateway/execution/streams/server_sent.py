"""Server-sent events of a subgraph: graphql-sse with a connection for each subscription."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from datetime import timedelta
from typing import Any

import orjson
from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import PyreqwestError
from pyreqwest.response import Response

from gateway.errors import GatewayError
from gateway.execution.http.client import BUSY, Headers, is_answer
from gateway.execution.streams.failures import lost, refused
from gateway.execution.transport import Answer
from gateway.settings import SubgraphLimits

ALWAYS_SENT: Headers = (
    ("content-type", "application/json"),
    (
        "accept",
        "text/event-stream, application/graphql-response+json;q=0.9, application/json;q=0.8",
    ),
    ("user-agent", "gateway"),
)


def client(limits: SubgraphLimits) -> Client:
    """Return an HTTP client for streams."""
    # A client of its own: streams stay open and would use up the connections of short requests. A
    # dead peer is noticed by TCP, because a silent stream may be a healthy one.
    return (
        ClientBuilder()
        .no_proxy()
        .follow_redirects(False)
        .gzip(False)
        .brotli(False)
        .zstd(False)
        .deflate(False)
        .connect_timeout(timedelta(seconds=limits.connect_seconds))
        .tcp_keepalive(timedelta(seconds=15))
        .tcp_keepalive_interval(timedelta(seconds=5))
        .tcp_keepalive_retries(3)
        .build()
    )


async def events(
    client: Client,
    name: str,
    url: str,
    payload: Mapping[str, Any],
    headers: Headers,
    limits: SubgraphLimits,
) -> AsyncGenerator[Answer, None]:
    """Yield every event until the subgraph completes the subscription; raises SubgraphFailed."""
    outgoing = (
        client.post(url)
        .headers([*ALWAYS_SENT, *headers])
        .body_bytes(orjson.dumps(payload))
        .streamed_read_buffer_limit(0)  # or events are held back until 64 kB have come
        .build_streamed()
    )
    try:
        async with asyncio.timeout(limits.seconds) as head:
            async with outgoing as response:
                head.reschedule(None)
                async for answer in _answers(name, response, limits):
                    yield answer
    except TimeoutError as error:
        raise lost(name, "it did not answer in time", "响应超时") from error
    except PyreqwestError as error:
        raise lost(name, "the connection failed", "连接失败") from error


async def _answers(
    name: str, response: Response, limits: SubgraphLimits
) -> AsyncGenerator[Answer, None]:
    kind = (response.get_header("content-type") or "no content type").split(";")[0].strip()
    if kind != "text/event-stream":
        yield await _only_answer(name, response, kind, limits)
        return
    parser = EventParser(limits.response_bytes)
    while (chunk := await response.body_reader.read_chunk()) is not None:
        for event, data in parser.feed(bytes(chunk)):
            if event == "complete":
                return
            if event == "next":
                yield _answer(name, data)
        if parser.too_long:
            raise refused(name, "an event is too large", "事件过大")
    raise lost(name, "the stream ended too early", "事件流提前结束")


async def _only_answer(name: str, response: Response, kind: str, limits: SubgraphLimits) -> Answer:
    """Return the response of a server that refuses the subscription."""
    status, body = response.status, b""
    if status in BUSY:
        raise lost(name, f"it answered HTTP {status}", f"返回 HTTP {status}")
    while (chunk := await response.body_reader.read_chunk()) is not None:
        body += bytes(chunk)
        if len(body) > limits.response_bytes:
            break
    try:
        return _answer(name, body)
    except GatewayError as error:
        why = f"HTTP {status} with {kind}, not an event stream"
        raise refused(name, f"it answered {why}", f"返回 HTTP {status} {kind}") from error


def _answer(name: str, data: bytes) -> Answer:
    try:
        answer = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise refused(name, "it sent no JSON", "消息不是 JSON") from error
    if not is_answer(answer):
        raise refused(name, "an event is not a GraphQL response", "事件不是 GraphQL 响应")
    return answer  # type: ignore[no-any-return]  # is_answer looked


class EventParser:
    """Parses an event stream into (event, data), by the HTML standard."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.too_long = False
        self._rest = b""
        self._event = ""
        self._data: list[bytes] = []
        self._size = 0
        self._after_return = False

    def feed(self, chunk: bytes) -> Iterator[tuple[str, bytes]]:
        """Parse bytes as they come; yield complete events."""
        if self._after_return and chunk.startswith(b"\n"):
            chunk = chunk[1:]
        self._after_return = chunk.endswith(b"\r")
        text = self._rest + chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, self._rest = text.split(b"\n")
        for line in lines:
            if line:
                self._field(line)
            elif self._event or self._data:
                yield self._event or "message", b"\n".join(self._data)
                self._event, self._data, self._size = "", [], 0
        self.too_long = self._size + len(self._rest) > self.limit

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"event":
            self._event = value.decode("utf-8", "replace")
        elif name == b"data":
            self._data.append(value)
            self._size += len(value)
