"""One HTTP/1.1 connection, as far as POST to a subgraph needs it and as cheap as Python allows.

A request is one write and usually one read; httptools (the parser of Node, in C)
parses the response.
"""

import asyncio
import time
from typing import Any, Protocol, cast

import httptools

from gateway.execution.http.outcomes import Broken, NotHTTP, Reply, TimedOut, TooLong, WireError

MOST_HEAD_BYTES = 65_536
IDLE_SECONDS = 4.0
"""Below the 5 s of uvicorn and Node, so that the gateway is the first to close idle connections."""


class Pool(Protocol):
    """The pool that a connection belongs to."""

    response_bytes: int
    """The most bytes of a response."""

    def free(self, connection: "Connection") -> None:
        """Take back a connection whose response is complete."""

    def forget(self) -> None:
        """Count one open connection less."""


class Connection(asyncio.Protocol):
    """One connection; httptools calls the `on_…` methods while it is fed."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.parser: Any = httptools.HttpResponseParser(self)
        self.loop = asyncio.get_running_loop()
        self.waiting: asyncio.Future[Reply] | None = None
        self.deadline = 0.0
        self.timer: asyncio.TimerHandle | None = None
        self.timer_at = 0.0
        """When the timer goes off: never after the deadline, often long before it."""
        self.used = time.monotonic()
        self.sending_body = False
        """A body is being sent in pieces, so the connection cannot be reused yet."""
        self.writable: asyncio.Future[None] | None = None
        """Done when more may be written; None when the transport is ready."""
        self.closed = False
        self.counted = False
        """The pool counts it among the open ones."""
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
        """Tell whether a request may be sent: connected, idle, and not idle for too long."""
        return (
            not self.closed
            and self.waiting is None
            and not self.transport.is_closing()
            and time.monotonic() - self.used < IDLE_SECONDS
        )

    def request(self, message: bytes, seconds: float) -> asyncio.Future[Reply]:
        """Send one request; return the future of its response."""
        if self.closed:
            raise Broken("it closed the connection before the request")
        waiting: asyncio.Future[Reply] = self.loop.create_future()
        self.waiting = waiting
        self._reset()
        self.deadline = time.monotonic() + seconds
        # Most answers come long before their deadline, so one timer does for many requests.
        if self.timer is None or self.timer_at > self.deadline:
            self._set_timer(seconds)
        self.transport.write(message)
        return waiting

    def abandon(self, waiting: "asyncio.Future[Reply]") -> None:
        """Give up the response of a cancelled request."""
        if self.waiting is waiting:  # otherwise it is answered, and the connection in other use
            self._fail(None)

    def close(self) -> None:
        """Close the connection at once."""
        self.transport.abort()

    # ------------------------------------------------------------------------- from the loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the transport."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's do not inherit from it

    def data_received(self, data: bytes) -> None:
        """Parse what arrives; bytes without a request close the connection."""
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
            if self.complete:  # bytes after a response spoil the connection, not the response
                self.keep = False
            else:
                self._fail(NotHTTP(str(error)))
        if self.waiting is None:
            return
        if len(self.body) > self.pool.response_bytes:
            self._fail(TooLong())
        elif self.complete:
            self._finish()
        elif self.in_head and self.head_bytes > MOST_HEAD_BYTES:
            self._fail(NotHTTP("its head is too long"))

    def eof_received(self) -> bool:
        """Accept the end of the other side; `connection_lost` follows."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """Finish: a response without a declared length ends with its connection."""
        self.closed = True
        self.resume_writing()
        if self.timer is not None:
            self.timer.cancel()
        if self.waiting is not None:
            if error is None and not self.in_head and not self.framed:
                self._deliver()
            else:
                self._fail(Broken(type(error).__name__ if error else "it closed the connection"))
        if self.counted:
            self.pool.forget()

    def pause_writing(self) -> None:
        """Note that the other side reads more slowly than it is sent."""
        self.writable = self.loop.create_future()

    def resume_writing(self) -> None:
        """Note that the other side has caught up."""
        writable, self.writable = self.writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)

    def _set_timer(self, seconds: float) -> None:
        if self.timer is not None:
            self.timer.cancel()
        self.timer = self.loop.call_later(seconds, self._on_timer)
        self.timer_at = self.deadline

    def _on_timer(self) -> None:
        self.timer = None
        if self.waiting is None:
            return
        left = self.deadline - time.monotonic()
        if left > 0:
            self._set_timer(left)
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
        if self.keep and not self.sending_body and not self.transport.is_closing():
            self.pool.free(self)
        else:
            self.close()

    def _deliver(self) -> None:
        waiting, self.waiting = self.waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_result(Reply(self.parser.get_status_code(), self.kind, self.body))

    # ----------------------------------------------------------------------- from the parser

    def on_message_begin(self) -> None:
        """Do not reuse a connection with a second response to one request."""
        if self.complete:
            self.keep = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note content type and framing."""
        match name.lower():
            case b"content-type":
                self.kind = value.decode("latin-1").lower()
            case b"content-length" | b"transfer-encoding":
                self.framed = True

    def on_headers_complete(self) -> None:
        """Note the end of the head."""
        if not self.complete:
            self.in_head = False

    def on_body(self, data: bytes) -> None:
        """Add a piece of the body; usually the only one."""
        if self.complete or len(self.body) > self.pool.response_bytes:
            return
        if not self.body:
            self.body = data
        else:
            if isinstance(self.body, bytes):
                self.body = bytearray(self.body)
            self.body += data

    def on_message_complete(self) -> None:
        """Note the end of the response, unless it was only informational (1xx)."""
        if self.complete:
            return
        if self.parser.get_status_code() < 200:
            self._reset()
            return
        self.complete = True
        self.keep = self.parser.should_keep_alive()
