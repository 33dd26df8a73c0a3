"""HTTP/1.1 as far as a gateway needs it: POST to one origin over a few kept-alive connections, as cheap as Python can.

A request is one write and usually one read; httptools (the parser of Node, in C) reads the answer. A
connection carries one request at a time and goes back to its origin's pool only after an answer that
was complete, undisturbed and meant to be kept alive; whatever else happens to it, it is closed. So
no answer can ever reach somebody who did not ask for it.
"""

import asyncio
import contextlib
import ssl
import time
from collections import deque
from typing import Any, cast
from urllib.parse import urlsplit

import httptools

from gateway.execution.http.body_stream import pour
from gateway.execution.http.outcomes import (
    Broken,
    NoConnection,
    NotHTTP,
    Reply,
    TimedOut,
    TooLong,
    WireError,
)
from gateway.execution.transport import Stream

MOST_HEAD_BYTES = 65_536
IDLE_SECONDS = 4.0
"""Below the 5 seconds after which uvicorn and Node close an idle connection, so it is closed here first."""


class Origin:
    """One subgraph's address, with the connections to it."""

    def __init__(
        self, address: str, *, connections: int, connect_seconds: float, response_bytes: int
    ) -> None:
        parts = urlsplit(address)
        self.secure = parts.scheme == "https"
        self.host, self.port = "", 443 if self.secure else 80
        with contextlib.suppress(ValueError):  # a port that is no number: nowhere to connect to
            self.port = parts.port or self.port
            self.host = (parts.hostname or "") if parts.scheme in ("http", "https") else ""
        self.most = connections
        self.connect_seconds = connect_seconds
        self.response_bytes = response_bytes
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self.head = f"POST {path} HTTP/1.1\r\nhost: {parts.netloc.rpartition('@')[2]}\r\n".encode()
        self.open = 0
        self._idle: list[Connection] = []
        self._queue: deque[asyncio.Future[Connection | None]] = deque()
        self._sweeping: asyncio.TimerHandle | None = None
        self._tls: ssl.SSLContext | None = None
        self._closed = False

    async def post(
        self, headers: bytes, body: bytes, seconds: float, stream: Stream | None = None
    ) -> Reply:
        """Send a request; `headers` are whole lines with their ends. Raises only WireError."""
        connection = self._pop()
        if connection is None:
            began = time.monotonic()
            connection = await self._wait(seconds)
            seconds -= time.monotonic() - began
            if seconds <= 0:  # nothing is sent after the deadline
                self.free(connection)
                raise TimedOut("no connection was ready in time")
        size = len(body) if stream is None else stream.size
        message = b"%b%bcontent-length: %d\r\n\r\n%b" % (self.head, headers, size, body)
        waiting = connection.ask(message, seconds)
        try:
            if stream is not None:
                await pour(connection, stream, waiting)
            return await waiting
        except asyncio.CancelledError:
            connection.abandon(waiting)
            raise

    def close(self) -> None:
        """Close what is idle; what is busy closes after its answer."""
        self._closed = True
        for connection in self._idle:
            connection.close()
        self._idle.clear()
        if self._sweeping:
            self._sweeping.cancel()

    # ------------------------------------------------------------------------------ the pool

    def _pop(self) -> "Connection | None":
        """The connection used last: it is the likeliest to be alive."""
        while self._idle:
            connection = self._idle.pop()
            if connection.usable():
                return connection
            connection.close()
        return None

    async def _wait(self, seconds: float) -> "Connection":
        """A new connection, or whichever becomes free when there may be no more."""
        try:
            async with asyncio.timeout(seconds):
                while self.open >= self.most:
                    place: asyncio.Future[Connection | None]
                    place = asyncio.get_running_loop().create_future()
                    self._queue.append(place)
                    try:
                        connection = await place
                    except asyncio.CancelledError:
                        if place.done() and not place.cancelled():
                            self._hand_back(place.result())
                        raise
                    if connection is not None and connection.usable():
                        return connection
                return await self._connect()
        except TimeoutError as error:
            raise TimedOut("no connection became free in time") from error

    async def _connect(self) -> "Connection":
        if not self.host:
            raise NoConnection("its address is no http:// or https:// address")
        if self.secure and self._tls is None:
            self._tls = await asyncio.to_thread(ssl.create_default_context)
        self.open += 1
        try:
            async with asyncio.timeout(self.connect_seconds):
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda: Connection(self),
                    self.host,
                    self.port,
                    ssl=self._tls,
                    server_hostname=self.host if self.secure else None,
                )
        except BaseException as error:
            self.forget()
            if isinstance(error, OSError):  # TimeoutError and SSLError are OSErrors too
                raise NoConnection(type(error).__name__) from error
            raise
        if connection.gone:
            self.forget()
            raise NoConnection("it hung up at once")
        connection.counted = True
        return connection

    def free(self, connection: "Connection") -> None:
        """An answer is complete: the connection is anybody's."""
        if self._closed:
            connection.close()
            return
        while self._queue:
            place = self._queue.popleft()
            if not place.done():
                place.set_result(connection)
                return
        self._idle.append(connection)
        if self._sweeping is None:
            self._sweep_later()

    def forget(self) -> None:
        """A connection is gone: there is a place for a new one."""
        self.open -= 1
        while self._queue:
            place = self._queue.popleft()
            if not place.done():
                place.set_result(None)
                return

    def _hand_back(self, connection: "Connection | None") -> None:
        """Whoever waited has gone away with a connection or a place in hand."""
        if connection is not None:
            self.free(connection)
        else:
            self.open += 1
            self.forget()

    def _sweep_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._sweeping = loop.call_later(IDLE_SECONDS, self._sweep)

    def _sweep(self) -> None:
        self._sweeping = None
        fresh = [connection for connection in self._idle if connection.usable()]
        for connection in self._idle:
            if not connection.usable():
                connection.close()
        self._idle = fresh
        if fresh:
            self._sweep_later()


class Connection(asyncio.Protocol):
    """One connection; httptools calls the `on_…` methods while it is fed."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.parser: Any = httptools.HttpResponseParser(self)
        self.loop = asyncio.get_running_loop()
        self.waiting: asyncio.Future[Reply] | None = None
        self.deadline = 0.0
        self.timer: asyncio.TimerHandle | None = None
        self.rings_at = 0.0
        """When the timer goes off: never after the deadline, often long before it."""
        self.used = time.monotonic()
        self.pouring = False
        """A body is on its way in pieces, so the connection is nobody else's yet."""
        self.clear: asyncio.Future[None] | None = None
        """Done when more may be written."""
        self.gone = False
        self.counted = False
        """The origin counts it among the open ones."""
        self._reset()

    def _reset(self) -> None:
        self.head_bytes = 0
        self.in_head = True
        self.kind = ""
        self.framed = False
        self.body: bytes | bytearray = b""
        self.complete = False
        self.keep = False

    def usable(self) -> bool:
        """Whether a request may be sent: still there, idle, and not for too long."""
        return (
            not self.gone
            and self.waiting is None
            and not self.transport.is_closing()
            and time.monotonic() - self.used < IDLE_SECONDS
        )

    def ask(self, message: bytes, seconds: float) -> asyncio.Future[Reply]:
        """Send one request; the answer will be there."""
        if self.gone:
            raise Broken("it hung up before the request")
        waiting: asyncio.Future[Reply] = self.loop.create_future()
        self.waiting = waiting
        self._reset()
        self.deadline = time.monotonic() + seconds
        # Most answers come long before their deadline, so one timer does for many requests.
        if self.timer is None or self.rings_at > self.deadline:
            self._ring_in(seconds)
        self.transport.write(message)
        return waiting

    def abandon(self, waiting: "asyncio.Future[Reply]") -> None:
        """Nobody waits any more."""
        if self.waiting is waiting:  # otherwise it is answered, and the connection another's
            self._fail(None)

    def close(self) -> None:
        """Hang up."""
        self.transport.abort()

    # ------------------------------------------------------------------------- from the loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's are none by name

    def data_received(self, data: bytes) -> None:
        """Read; what nobody asked for ends the connection."""
        if self.waiting is None:
            self.close()
            return
        if self.in_head:
            self.head_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(NotHTTP("it switches protocols"))
        except httptools.HttpParserError as error:
            if self.complete:  # junk after an answer spoils the connection, not the answer
                self.keep = False
            else:
                self._fail(NotHTTP(str(error)))
        if self.waiting is None:
            return
        if len(self.body) > self.origin.response_bytes:
            self._fail(TooLong())
        elif self.complete:
            self._finish()
        elif self.in_head and self.head_bytes > MOST_HEAD_BYTES:
            self._fail(NotHTTP("its head does not end"))

    def eof_received(self) -> bool:
        """The other side ends; `connection_lost` follows."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """Gone; an answer whose length was never said ends with its connection."""
        self.gone = True
        self.resume_writing()
        if self.timer is not None:
            self.timer.cancel()
        if self.waiting is not None:
            if error is None and not self.in_head and not self.framed:
                self._deliver()
            else:
                self._fail(Broken(type(error).__name__ if error else "it hung up"))
        if self.counted:
            self.origin.forget()

    def pause_writing(self) -> None:
        """The other side takes less than it is sent."""
        self.clear = self.loop.create_future()

    def resume_writing(self) -> None:
        """It has caught up."""
        clear, self.clear = self.clear, None
        if clear is not None and not clear.done():
            clear.set_result(None)

    def _ring_in(self, seconds: float) -> None:
        if self.timer is not None:
            self.timer.cancel()
        self.timer = self.loop.call_later(seconds, self._ring)
        self.rings_at = self.deadline

    def _ring(self) -> None:
        self.timer = None
        if self.waiting is None:
            return
        left = self.deadline - time.monotonic()
        if left > 0:
            self._ring_in(left)
        else:
            self._fail(TimedOut())

    def _fail(self, error: WireError | None) -> None:
        waiting, self.waiting = self.waiting, None
        if waiting is not None and not waiting.done() and error is not None:
            waiting.set_exception(error)
        self.close()

    def _finish(self) -> None:
        self.used = time.monotonic()
        self._deliver()
        if self.keep and not self.pouring and not self.transport.is_closing():
            self.origin.free(self)
        else:
            self.close()

    def _deliver(self) -> None:
        waiting, self.waiting = self.waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_result(Reply(self.parser.get_status_code(), self.kind, self.body))

    # ----------------------------------------------------------------------- from the parser

    def on_message_begin(self) -> None:
        """A second answer to one request is nobody's."""
        if self.complete:
            self.keep = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Three headers matter here."""
        match name.lower():
            case b"content-type":
                self.kind = value.decode("latin-1").lower()
            case b"content-length" | b"transfer-encoding":
                self.framed = True

    def on_headers_complete(self) -> None:
        """The head ends."""
        if not self.complete:
            self.in_head = False

    def on_body(self, data: bytes) -> None:
        """A piece of the body; usually the only one."""
        if self.complete or len(self.body) > self.origin.response_bytes:
            return
        if not self.body:
            self.body = data
        else:
            if isinstance(self.body, bytes):
                self.body = bytearray(self.body)
            self.body += data

    def on_message_complete(self) -> None:
        """The answer is whole, unless it was only an announcement (1xx)."""
        if self.complete:
            return
        if self.parser.get_status_code() < 200:
            self._reset()
            return
        self.complete = True
        self.keep = self.parser.should_keep_alive()
