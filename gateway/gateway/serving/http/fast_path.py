"""A shorter way from the socket to GraphQL: uvicorn's HTTP protocol, which answers plain POSTs without ASGI in between.

Nearly every request is the same: a POST of JSON to `/graphql`, there as a whole after one read, answered in
one piece. For these a scope, a queue of messages and two writes cost as much as parsing and planning do.
Whatever is not like that (another path or method, a body in pieces, a WebSocket, an answer in parts, a
request behind another one that is still under way) goes on as uvicorn does it, and nobody can tell the
difference from outside.
"""

import asyncio
from typing import ClassVar, cast

from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from gateway.serving.http.endpoint import Answer, GraphQL

LARGE = 65_536
"""A body from here on is written for itself, not copied behind its head."""


def protocol(graphql: GraphQL) -> type[asyncio.Protocol]:
    """The protocol in front of this GraphQL, for uvicorn's setting `http`."""
    return type("ShortWay", (_ShortWay,), {"graphql": graphql})


class _Turn:
    """One request on the short way, as uvicorn looks at it: like a `RequestResponseCycle`."""

    __slots__ = ("disconnected", "keep_alive", "response_complete")

    def __init__(self, *, keep_alive: bool) -> None:
        self.disconnected = False
        self.keep_alive = keep_alive
        self.response_complete = False

    @property
    def message_event(self) -> "_Turn":
        """Nobody waits for a message here."""
        return self

    def set(self) -> None:
        """Wake nobody."""


class _ShortWay(HttpToolsProtocol):
    graphql: ClassVar[GraphQL]
    whole: dict[str, str] | None = None
    """The headers of a request that may take the short way, if its body comes with them."""
    whole_body: bytes
    idle_since: float | None = None

    def data_received(self, data: bytes) -> None:
        """Read; a request that is not whole by then takes the long way."""
        super().data_received(data)
        if self.whole is not None:
            self.whole = None
            if not self.transport.is_closing():
                self._take_the_long_way()

    # ----------------------------------------------------------------------- from the parser

    def on_message_begin(self) -> None:
        """A request begins; the scope is made when somebody needs it."""
        self.url = b""
        self.expect_100_continue = False
        self.headers = []

    def on_headers_complete(self) -> None:
        """Choose the way."""
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
                self.whole, self.whole_body = headers, b""
                return
        self._begin_the_long_way()

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        if self.whole is None:
            super().on_body(body)
        else:
            self.whole_body = self.whole_body + body if self.whole_body else body

    def on_message_complete(self) -> None:
        """The request is here."""
        headers = self.whole
        if headers is None:
            super().on_message_complete()
            return
        self.whole = None
        turn = _Turn(keep_alive=self.parser.should_keep_alive())
        self.cycle = cast(RequestResponseCycle, turn)
        task = self.loop.create_task(self._answer(headers, self.whole_body, turn))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    # --------------------------------------------------------------------------- the two ways

    async def _answer(self, headers: dict[str, str], body: bytes, turn: _Turn) -> None:
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/graphql",
            "query_string": b"",
            "client": self.client,
        }
        try:
            answer = await self.graphql.answer(scope, headers, body)
            if self.flow.write_paused:
                await self.flow.drain()
            if not turn.disconnected:
                self._write(answer, turn)
        finally:
            if not turn.response_complete:
                self.transport.close()

    def _write(self, answer: Answer, turn: _Turn) -> None:
        lines = [STATUS_LINE[answer.status]]
        for name, value in (*self.server_state.default_headers, *answer.headers):
            lines += (name, b": ", value, b"\r\n")
        lines.append(b"\r\n" if turn.keep_alive else b"connection: close\r\n\r\n")
        if len(answer.body) < LARGE:
            lines.append(answer.body)
            self.transport.write(b"".join(lines))
        else:
            self.transport.write(b"".join(lines))
            self.transport.write(answer.body)
        turn.response_complete = True
        if not turn.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _begin_the_long_way(self) -> None:
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers += headers
        super().on_headers_complete()

    def _take_the_long_way(self) -> None:
        self._begin_the_long_way()
        if self.whole_body:
            super().on_body(self.whole_body)

    # ------------------------------------------------------------------- how long it may idle

    def on_response_complete(self) -> None:
        """Take the next request, or begin to idle: one timer does for many requests."""
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
            self._look_again_in(self.timeout_keep_alive)

    def timeout_keep_alive_handler(self) -> None:
        """Hang up on whoever was silent for too long."""
        self.timeout_keep_alive_task = None
        if self.idle_since is None or self.transport.is_closing():
            return
        left = self.idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._look_again_in(left)
        else:
            self.transport.close()

    def _look_again_in(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(
            seconds, self.timeout_keep_alive_handler
        )

    def _unset_keepalive_if_required(self) -> None:
        self.idle_since = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Gone."""
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
