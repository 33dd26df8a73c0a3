"""Answers as server-sent events: graphql-sse with a connection for each operation."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson
from starlette.types import Receive, Scope, Send

from gateway.errors import GatewayError, SubscriberTooSlow
from gateway.result import Response
from gateway.serving.documents.document_cache import Refused
from gateway.serving.streaming.operation_stream import Asked, ask
from gateway.serving.subscriptions.subscription import internal

if TYPE_CHECKING:
    from gateway.serving.http.endpoint import GraphQL

log = logging.getLogger("gateway")

HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-store"),
    (b"x-accel-buffering", b"no"),
    (b"vary", b"accept, accept-language, authorization"),
]
COMPLETE = b"event: complete\ndata:\n\n"


class EventStream:
    """`/graphql` for those who accept `text/event-stream`."""

    def __init__(self, graphql: "GraphQL") -> None:
        self.graphql = graphql

    async def __call__(
        self, scope: Scope, headers: Mapping[str, str], receive: Receive, send: Send
    ) -> None:
        """Answer one request; nothing is raised."""
        locale = "zh" if headers.get("accept-language", "").lower().startswith("zh") else "en"
        ready: Asked | Refused
        try:
            question = await self.graphql.question(scope, headers, receive)
            only_reads = scope["method"] == "GET"
            ready = await ask(self.graphql, scope, question, headers, locale, only_reads=only_reads)
        except (
            Refused
        ) as refused:  # told in the stream: a browser's EventSource shows no other answer
            ready = refused
        except GatewayError as error:
            await _refuse(send, error, locale)
            return
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        writer = _Writer(self.graphql, send)
        writing = asyncio.create_task(writer.write(ready, locale))
        breathing = asyncio.create_task(writer.breathe())
        leaving = asyncio.create_task(_left(receive))
        streams = self.graphql.state.crowd.streams
        streams.add(writing)
        try:
            await asyncio.wait([writing, leaving], return_when=asyncio.FIRST_COMPLETED)
        finally:
            streams.discard(writing)
            for task in (writing, breathing, leaving):
                task.cancel()
            await asyncio.wait([writing, breathing, leaving])
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(1):
                await send({"type": "http.response.body", "body": b""})


class _Writer:
    """Writes the events of one request, and signs of life between them."""

    def __init__(self, graphql: "GraphQL", send: Send) -> None:
        self.graphql = graphql
        self.limits = graphql.settings.subscription_limits
        self.send = send
        self.silent = False

    async def write(self, ready: Asked | Refused, locale: str) -> None:
        """Write every answer, then `complete`."""
        last: tuple[GatewayError, ...] = ()
        try:
            if isinstance(ready, Refused):
                raise ready
            async with contextlib.aclosing(ready.responses()) as found:
                async for response in found:
                    await self._next(response.to_json())
        except Refused as refused:
            last = refused.errors
        except TimeoutError:
            log.warning("a client is left: %s", SubscriberTooSlow.code)
            return
        except GatewayError as error:
            last = (error,)
        except Exception:
            log.exception("an event stream failed")
            last = (internal(),)
        if last:
            faults = Refused(*last).faults(locale)
            await self._next(Response(None, faults, executed=False).to_json())
        await self._send(COMPLETE)

    async def breathe(self) -> None:
        """Send a comment when nothing was sent for a while, so that nobody takes us for dead."""
        while True:
            self.silent = True
            await asyncio.sleep(self.limits.keep_alive_seconds)
            if self.silent:
                await self._send(b":\n\n")

    async def _next(self, answer: dict[str, Any]) -> None:
        await self._send(b"event: next\ndata: " + orjson.dumps(answer) + b"\n\n")

    async def _send(self, body: bytes) -> None:
        self.silent = False
        async with asyncio.timeout(self.limits.slow_seconds):
            await self.send({"type": "http.response.body", "body": body, "more_body": True})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _refuse(send: Send, error: GatewayError, locale: str) -> None:
    faults = Refused(error).faults(locale)
    body = orjson.dumps(Response(None, faults, executed=False).to_json())
    headers = [
        (b"content-type", b"application/graphql-response+json; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
