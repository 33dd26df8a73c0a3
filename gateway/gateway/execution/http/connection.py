"""One HTTP/1.1 connection as far as a gateway needs it: POST and read the answer, as cheap as Python can.

A request is one write and usually one read; httptools (the parser of Node, in C) reads the answer.
"""

import asyncio
import time
from typing import Any, Protocol, cast

import httptools

from gateway.execution.http.outcomes import Broken, NotHTTP, Reply, TimedOut, TooLong, WireError

MOST_HEAD_BYTES = 65_536
IDLE_SECONDS = 4.0
"""Below the 5 seconds after which uvicorn and Node close an idle connection, so it is closed here first."""


class Pool(Protocol):
    """The pool that a connection belongs to."""

    response_bytes: int
    """The largest answer that is read."""

    def free(self, connection: "Connection") -> None:
        """Take back a connection whose answer is complete."""

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
        self.rings_at = 0.0
        """When the timer goes off: never after the deadline, often long before it."""
        self.used = time.monotonic()
        self.sending_body = False
        """A body is on its way in pieces, so the connection is nobody else's yet."""
        self.writable: asyncio.Future[None] | None = None
        """Done when more may be written."""
        self.gone = False
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
        if len(self.body) > self.pool.response_bytes:
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
            self.pool.forget()

    def pause_writing(self) -> None:
        """The other side takes less than it is sent."""
        self.writable = self.loop.create_future()

    def resume_writing(self) -> None:
        """It has caught up."""
        writable, self.writable = self.writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)

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
        if self.complete or len(self.body) > self.pool.response_bytes:
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
