"""Operations over WebSocket by the protocol `graphql-transport-ws`; no older protocol is served.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.types import Receive, Scope, Send

from gateway.errors import GatewayError, SubscriberTooSlow, TooManySubscriptions
from gateway.serving.documents.refusal import Refused
from gateway.serving.pipeline import Pipeline
from gateway.serving.requests.graphql_request import GraphQLRequest, parse_request
from gateway.serving.requests.http_headers import locale_of, read_headers
from gateway.serving.streaming.operation_stream import open_stream
from gateway.serving.streaming.subscription import internal_error

log = logging.getLogger("gateway")

PROTOCOL = "graphql-transport-ws"
LONGEST_REASON = 123
"""Most bytes of a closing frame's reason, by RFC 6455."""


class Closed(Exception):
    """The connection is to be closed, with a code and a reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class WebSocketEndpoint:
    """An ASGI application for WebSockets at `/graphql`."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection until one side closes it."""
        if (await receive())["type"] != "websocket.connect":
            return
        offered = PROTOCOL in scope["subprotocols"]
        accept = {"type": "websocket.accept", "subprotocol": PROTOCOL if offered else None}
        await send(accept)
        if not offered:
            await send(
                {"type": "websocket.close", "code": 4406, "reason": "Subprotocol not acceptable"}
            )
            return
        connection = _Connection(self.pipeline, scope, read_headers(scope["headers"]), send)
        try:
            await connection.serve(receive)
        except Closed as closed:
            await _close(send, closed)
        finally:
            await connection.end()


class _Connection:
    """One client: its headers, and its operations under way."""

    def __init__(
        self, pipeline: Pipeline, scope: Scope, headers: dict[str, str], send: Send
    ) -> None:
        self.pipeline = pipeline
        self.scope = scope
        self.limits = pipeline.settings.subscription_limits
        self.headers = headers
        self.send = send
        self.send_lock = asyncio.Lock()
        self.initialised = False
        self.acknowledged = False
        self.running: dict[str, asyncio.Task[None]] = {}
        self.broken: asyncio.Future[Closed] = asyncio.get_running_loop().create_future()

    async def serve(self, receive: Receive) -> None:
        """Handle messages until the client leaves; raises Closed when the gateway ends it."""
        reading = asyncio.create_task(self._read(receive))
        try:
            ends: list[asyncio.Future[Any]] = [reading, self.broken]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if self.broken.done():
                raise self.broken.result()
            await reading
        finally:
            reading.cancel()
            await asyncio.wait([reading])

    async def end(self) -> None:
        """Stop the operations that still run."""
        tasks = list(self.running.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _read(self, receive: Receive) -> None:
        try:
            async with asyncio.timeout(self.limits.init_seconds) as init_timeout:
                while (message := await receive())["type"] == "websocket.receive":
                    await self._handle(_parse(message, self.pipeline.settings.limits.body_bytes))
                    if self.initialised:
                        init_timeout.reschedule(None)
        except TimeoutError as error:
            raise Closed(4408, "Connection initialisation timeout") from error

    async def _handle(self, message: dict[str, Any]) -> None:
        payload = message.get("payload")
        match message["type"]:
            case "connection_init":
                _expect(payload is None or isinstance(payload, dict), "payload is no object")
                await self._initialise(payload or {})
            case "ping":
                _expect(payload is None or isinstance(payload, dict), "payload is no object")
                answer = {"type": "pong"}
                await self._send(answer if payload is None else {**answer, "payload": payload})
            case "pong":
                _expect(payload is None or isinstance(payload, dict), "payload is no object")
            case "subscribe":
                self._subscribe(_id(message), payload)
            case "complete":
                running = self.running.pop(_id(message), None)
                if running:
                    running.cancel()
            case other:
                raise Closed(4400, f"Invalid message received: unknown type {other[:40]}")

    async def _initialise(self, payload: dict[str, Any]) -> None:
        if self.initialised:
            raise Closed(4429, "Too many initialisation requests")
        self.initialised = True
        self.headers |= _as_headers(payload, self.pipeline.settings.headers)
        await self._send({"type": "connection_ack"})
        self.acknowledged = True

    def _subscribe(self, id: str, payload: Any) -> None:
        if not self.acknowledged:
            raise Closed(4401, "Unauthorized")
        _expect(isinstance(payload, dict), "payload is no object")
        try:
            request = parse_request(payload)
        except GatewayError as error:
            raise Closed(4400, f"Invalid message received: {error.en}") from error
        if id in self.running:
            raise Closed(4409, f"Subscriber for {id} already exists")
        full = len(self.running) >= self.limits.per_connection
        task = asyncio.create_task(self._refuse(id) if full else self._run(id, request))
        self.running[id] = task
        task.add_done_callback(lambda done: self._forget(id, done))

    def _forget(self, id: str, task: asyncio.Task[None]) -> None:
        if self.running.get(id) is task:
            del self.running[id]

    async def _refuse(self, id: str) -> None:
        limit = self.limits.per_connection
        error = TooManySubscriptions(
            f"This connection carries {limit} operations already.",
            f"此连接已有 {limit} 个操作。",
            limit=limit,
        )
        await self._end(id, error, locale_of(self.headers.get("accept-language", "")))

    async def _run(self, id: str, request: GraphQLRequest) -> None:
        """Answer one operation: `next` for each answer, then `complete`, or `error`."""
        locale = locale_of(self.headers.get("accept-language", ""))
        try:
            stream = await open_stream(self.pipeline, self.scope, self.headers, request, locale)
            async with contextlib.aclosing(stream.responses()) as responses:
                async for response in responses:
                    await self._send({"id": id, "type": "next", "payload": response.to_json()})
            await self._last({"id": id, "type": "complete"})
        except Refused as refused:
            await self._end(id, refused, locale)
        except GatewayError as error:
            await self._end(id, error, locale)
        except Exception:
            log.exception("an operation over WebSocket failed")
            await self._end(id, internal_error(), locale)

    async def _end(self, id: str, error: Refused | GatewayError, locale: str) -> None:
        faults = (error if isinstance(error, Refused) else Refused(error)).faults(locale)
        payload = [fault.to_json() for fault in faults]
        await self._last({"id": id, "type": "error", "payload": payload})

    async def _last(self, message: dict[str, Any]) -> None:
        """Send the last message; its id is free as soon as the client can know that it ended."""
        self.running.pop(message["id"], None)
        await self._send(message)

    async def _send(self, message: dict[str, Any]) -> None:
        if self.broken.done():
            return
        text = orjson.dumps(message).decode()
        try:
            async with asyncio.timeout(self.limits.slow_seconds), self.send_lock:
                await self.send({"type": "websocket.send", "text": text})
        except TimeoutError:
            self._break(Closed(1013, SubscriberTooSlow.code))
        except OSError:  # the client has left; reading will notice
            return

    def _break(self, closed: Closed) -> None:
        if not self.broken.done():
            self.broken.set_result(closed)


def _as_headers(payload: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, str]:
    """Return the headers that a `connection_init` payload stands in for; browsers cannot set any.

    Only headers that are forwarded count, at the payload's top or in its `headers`.
    """
    inner = payload.get("headers")
    values = {**(inner if isinstance(inner, dict) else {}), **payload}
    return {
        name.lower(): value
        for name, value in values.items()
        if isinstance(value, str)
        and name.lower() in names
        and value.isascii()
        and value.isprintable()
    }


def _parse(message: Mapping[str, Any], limit: int) -> dict[str, Any]:
    text = message.get("text")
    if text is None:
        raise Closed(4400, "Messages are JSON texts")
    if len(text) > limit:
        raise Closed(1009, "The message is too large")
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Closed(4400, "Invalid message received: it is not JSON") from error
    if not isinstance(parsed, dict) or not isinstance(parsed.get("type"), str):
        raise Closed(4400, "Invalid message received: it is no object with a type")
    return parsed


def _id(message: Mapping[str, Any]) -> str:
    id = message.get("id")
    _expect(isinstance(id, str) and bool(id), "id is no string")
    return str(id)


def _expect(valid: bool, problem: str) -> None:
    if not valid:
        raise Closed(4400, f"Invalid message received: {problem}")


async def _close(send: Send, closed: Closed) -> None:
    reason = closed.reason.encode()[:LONGEST_REASON].decode(errors="ignore")
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(1):
            await send({"type": "websocket.close", "code": closed.code, "reason": reason})
