"""The pool of kept-alive connections to one subgraph address.

A connection carries one request at a time and goes back to its pool only after an answer that was
complete, undisturbed and meant to be kept alive; whatever else happens to it, it is closed. So
no answer can ever reach a request that it does not belong to.
"""

import asyncio
import contextlib
import ssl
import time
from collections import deque
from urllib.parse import urlsplit

from gateway.execution.http.body_stream import send_body
from gateway.execution.http.connection import IDLE_SECONDS, Connection
from gateway.execution.http.outcomes import NoConnection, Reply, TimedOut
from gateway.execution.transport import Stream


class Origin:
    """The connections to one address."""

    def __init__(
        self, address: str, *, connections: int, connect_seconds: float, response_bytes: int
    ) -> None:
        parts = urlsplit(address)
        self.secure = parts.scheme == "https"
        self.host, self.port = "", 443 if self.secure else 80
        with contextlib.suppress(
            ValueError
        ):  # a port that is not a number: there is nothing to connect to
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
        """Send a POST request and return its response; raises only WireError.

        `headers` are whole lines with their line breaks; `stream` replaces `body`.
        """
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
        waiting = connection.request(message, seconds)
        try:
            if stream is not None:
                await send_body(connection, stream, waiting)
            return await waiting
        except asyncio.CancelledError:
            connection.abandon(waiting)
            raise

    def close(self) -> None:
        """Close idle connections; busy ones close after their response."""
        self._closed = True
        for connection in self._idle:
            connection.close()
        self._idle.clear()
        if self._sweeping:
            self._sweeping.cancel()

    # ------------------------------------------------------------------------------ the pool

    def _pop(self) -> "Connection | None":
        """Return the idle connection used last, which is the likeliest to be alive."""
        while self._idle:
            connection = self._idle.pop()
            if connection.usable():
                return connection
            connection.close()
        return None

    async def _wait(self, seconds: float) -> "Connection":
        """Return a new connection, or at the limit the first that becomes free."""
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
            raise NoConnection("its address is not an http:// or https:// address")
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
        if connection.closed:
            self.forget()
            raise NoConnection("it closed the connection at once")
        connection.counted = True
        return connection

    def free(self, connection: "Connection") -> None:
        """Take back a connection whose response is complete."""
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
        """Count one open connection less, which makes room for another."""
        self.open -= 1
        while self._queue:
            place = self._queue.popleft()
            if not place.done():
                place.set_result(None)
                return

    def _hand_back(self, connection: "Connection | None") -> None:
        """Return the connection, or the room for one, of a waiter that was cancelled."""
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
