"""uvicorn's HTTP protocol with a fast path to GraphQL: plain POSTs are answered without ASGI.

Nearly every request is the same: a POST of JSON to `/graphql`, there as a whole after one read,
answered in one piece. For these a scope, a queue of messages and two writes cost as much as parsing
and planning do. All others (another path or method, a body in pieces, a WebSocket, an answer in
parts, a request behind another one that is still under way) go on as uvicorn handles them; clients
see no difference.
"""

import asyncio
from typing import ClassVar, cast

from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from gateway.serving.http.endpoint import Answer, GraphQLEndpoint

LARGE_BODY = 65_536
"""A body from this size on is written by itself, not copied behind its head."""


def fast_path_protocol(endpoint: GraphQLEndpoint) -> type[asyncio.Protocol]:
    """Return the protocol in front of this endpoint, for uvicorn's setting `http`."""
    return type("FastPathProtocol", (_FastPathProtocol,), {"endpoint": endpoint})


class _FastCycle:
    """One request on the fast path, to uvicorn like a `RequestResponseCycle`."""

    __slots__ = ("disconnected", "keep_alive", "response_complete")

    def __init__(self, *, keep_alive: bool) -> None:
        self.disconnected = False
        self.keep_alive = keep_alive
        self.response_complete = False

    @property
    def message_event(self) -> "_FastCycle":
        """Return an event that no task waits for."""
        return self

    def set(self) -> None:
        """Wake no task."""


class _FastPathProtocol(HttpToolsProtocol):
    """Answers plain POSTs by itself and leaves all else to uvicorn."""

    endpoint: ClassVar[GraphQLEndpoint]
    fast_headers: dict[str, str] | None = None
    """The headers of a request that may take the fast path, if its body comes with them."""
    fast_body: bytes
    idle_since: float | None = None

    def data_received(self, data: bytes) -> None:
        """Parse; a request whose body is not complete by then is left to uvicorn."""
        super().data_received(data)
        if self.fast_headers is not None:
            self.fast_headers = None
            if not self.transport.is_closing():
                self._hand_over()

    # ----------------------------------------------------------------------- from the parser

    def on_message_begin(self) -> None:
        """Begin a request; the scope is made only for uvicorn's own path."""
        self.url = b""
        self.expect_100_continue = False
        self.headers = []

    def on_headers_complete(self) -> None:
        """Choose the path by the request's head."""
        parser = self.parser
        if (
            self.url == b"/graphql"
            and parser.get_method() == b"POST"
            and parser.get_http_version() == "1.1"
            and not parser.should_upgrade()
            and not self.expect_100_continue
            and (self.cycle is None or self.cycle.response_complete)
        ):
            headers = {
                name.decode("latin-1"): value.decode("latin-1") for name, value in self.headers
            }
            if _is_plain(headers):
                self.fast_headers, self.fast_body = headers, b""
                return
        self._begin_with_uvicorn()

    def on_body(self, body: bytes) -> None:
        """Add a piece of the body."""
        if self.fast_headers is None:
            super().on_body(body)
        else:
            self.fast_body = self.fast_body + body if self.fast_body else body

    def on_message_complete(self) -> None:
        """Answer a request that is complete."""
        headers = self.fast_headers
        if headers is None:
            super().on_message_complete()
            return
        self.fast_headers = None
        cycle = _FastCycle(keep_alive=self.parser.should_keep_alive())
        self.cycle = cast(RequestResponseCycle, cycle)
        task = self.loop.create_task(self._answer(headers, self.fast_body, cycle))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    # --------------------------------------------------------------------------- the two paths

    async def _answer(self, headers: dict[str, str], body: bytes, cycle: _FastCycle) -> None:
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/graphql",
            "query_string": b"",
            "client": self.client,
        }
        try:
            answer = await self.endpoint.answer(scope, headers, body)
            if self.flow.write_paused:
                await self.flow.drain()
            if not cycle.disconnected:
                self._write(answer, cycle)
        finally:
            if not cycle.response_complete:
                self.transport.close()

    def _write(self, answer: Answer, cycle: _FastCycle) -> None:
        lines = [STATUS_LINE[answer.status]]
        for name, value in (*self.server_state.default_headers, *answer.headers):
            lines += (name, b": ", value, b"\r\n")
        lines.append(b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n")
        if len(answer.body) < LARGE_BODY:
            lines.append(answer.body)
            self.transport.write(b"".join(lines))
        else:
            self.transport.write(b"".join(lines))
            self.transport.write(answer.body)
        cycle.response_complete = True
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _begin_with_uvicorn(self) -> None:
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers += headers
        super().on_headers_complete()

    def _hand_over(self) -> None:
        self._begin_with_uvicorn()
        if self.fast_body:
            super().on_body(self.fast_body)

    # ------------------------------------------------------------------- how long it may idle

    def on_response_complete(self) -> None:
        """Start the next request, or begin to idle; one timer does for many requests."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
            return
        self.idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._check_idle_in(self.timeout_keep_alive)

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection when it was idle for too long."""
        self.timeout_keep_alive_task = None
        if self.idle_since is None or self.transport.is_closing():
            return
        left = self.idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._check_idle_in(left)
        else:
            self.transport.close()

    def _check_idle_in(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(
            seconds, self.timeout_keep_alive_handler
        )

    def _unset_keepalive_if_required(self) -> None:
        self.idle_since = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timer of a lost connection."""
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = None
        super().connection_lost(exc)


def _is_plain(headers: dict[str, str]) -> bool:
    accept = headers.get("accept", "")
    return (
        headers.get("content-type", "").startswith("application/json")
        and "multipart" not in accept
        and "event-stream" not in accept
    )
