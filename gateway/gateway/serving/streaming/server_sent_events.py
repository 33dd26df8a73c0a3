"""Answers as server-sent events: graphql-sse with a connection for each operation.

https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md#distinct-connections-mode
"""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.types import Receive, Scope, Send

from gateway.errors import GatewayError, SubscriberTooSlow
from gateway.serving.documents.refusal import Refused
from gateway.serving.pipeline import Pipeline
from gateway.serving.requests.http_headers import error_headers, locale_of
from gateway.serving.streaming.operation_stream import OperationStream, open_stream
from gateway.serving.streaming.subscription import internal_error

log = logging.getLogger("gateway")

HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-store"),
    (b"x-accel-buffering", b"no"),
    (b"vary", b"accept, accept-language, authorization"),
]
COMPLETE = b"event: complete\ndata:\n\n"


class EventStreamEndpoint:
    """`/graphql` for clients that accept `text/event-stream`."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline

    async def __call__(
        self, scope: Scope, headers: Mapping[str, str], receive: Receive, send: Send
    ) -> None:
        """Answer one request; nothing is raised."""
        locale = locale_of(headers.get("accept-language", ""))
        stream: OperationStream | Refused
        try:
            stream = await open_stream(self.pipeline, scope, headers, receive, locale)
        except Refused as refused:
            stream = refused  # sent in the stream: a browser's EventSource shows no other
        except GatewayError as error:
            await _refuse(send, error, locale)
            return
        except Exception:
            log.exception("a request failed")
            await _refuse(send, internal_error(), locale, status=500)
            return
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        writer = _Writer(self.pipeline, send)
        writing = asyncio.create_task(writer.write(stream, locale))
        keeping_alive = asyncio.create_task(writer.keep_alive())
        leaving = asyncio.create_task(_disconnected(receive))
        streams = self.pipeline.state.subscriptions.streams
        streams.add(writing)
        try:
            await asyncio.wait([writing, leaving], return_when=asyncio.FIRST_COMPLETED)
        finally:
            streams.discard(writing)
            for task in (writing, keeping_alive, leaving):
                task.cancel()
            await asyncio.wait([writing, keeping_alive, leaving])
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(1):
                await send({"type": "http.response.body", "body": b""})


class _Writer:
    """Writes the events of one request, and comments that keep the connection alive."""

    def __init__(self, pipeline: Pipeline, send: Send) -> None:
        self.limits = pipeline.settings.subscription_limits
        self.send = send
        self.silent = False

    async def write(self, stream: OperationStream | Refused, locale: str) -> None:
        """Write every response, then `complete`."""
        last: Refused | None = None
        try:
            if isinstance(stream, Refused):
                raise stream
            async with contextlib.aclosing(stream.responses()) as responses:
                async for response in responses:
                    await self._next(response.to_json())
        except Refused as refused:
            last = refused
        except TimeoutError:
            log.warning("a slow client is disconnected: %s", SubscriberTooSlow.code)
            return
        except GatewayError as error:
            last = Refused(error)
        except Exception:
            log.exception("an event stream failed")
            last = Refused(internal_error())
        if last is not None:
            await self._next(last.response(locale).to_json())
        await self._send(COMPLETE)

    async def keep_alive(self) -> None:
        """Send a comment after each silence, or proxies take the connection for dead."""
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


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _refuse(send: Send, error: GatewayError, locale: str, status: int | None = None) -> None:
    body = orjson.dumps(Refused(error).response(locale).to_json())
    headers = [
        (b"content-type", b"application/graphql-response+json; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        *error_headers(error),
    ]
    await send(
        {"type": "http.response.start", "status": status or error.status, "headers": headers}
    )
    await send({"type": "http.response.body", "body": body})
