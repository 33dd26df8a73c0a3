"""Runs a web application on a port of its own while a test talks to it over real HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socket import socket

import uvicorn
from starlette.types import ASGIApp

from tests.support.servers import free_port

START_SECONDS = 60
DATE_SECONDS = 1.0


class Server(uvicorn.Server):
    """A server that starts and stops as soon as it can: uvicorn's own looks ten times a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.answering = threading.Event()
        self._ending = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def run(self, sockets: list[socket] | None = None) -> None:
        """Serve until `end`; whoever waits for the start is woken when there is none too."""
        try:
            super().run(sockets)
        finally:
            self.answering.set()

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Open the port and tell the thread that waits for it."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self.answering.set()

    async def main_loop(self) -> None:
        """Keep the date in the headers until the server is told to end."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DATE_SECONDS):
                    await self._ending.wait()

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Let connections and requests end, as long as the configuration says,
        then the application."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.config.timeout_graceful_shutdown):
                # uvicorn tells nobody when a connection ends.
                while self.server_state.connections or self.server_state.tasks:  # noqa: ASYNC110
                    await asyncio.sleep(0.002)
        for task in self.server_state.tasks:
            task.cancel()
        await self.lifespan.shutdown()

    def end(self) -> None:
        """Tell the server, from another thread, to end."""
        self.should_exit = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # its loop is closed already
                self._loop.call_soon_threadsafe(self._ending.set)


@contextmanager
def served(
    app: ASGIApp,
    *,
    proxy_headers: bool = True,
    http: type[asyncio.Protocol] | None = None,
    port: int | None = None,
) -> Iterator[str]:
    """Serve `app` from a thread and give its base address, `http://127.0.0.1:<port>`.

    `proxy_headers` lets uvicorn itself believe `x-forwarded-for`; `http` is a protocol
    of the app's own.
    """
    port = port or free_port()
    server = Server(
        uvicorn.Config(
            app,
            http=http or "auto",
            host="127.0.0.1",
            port=port,
            log_config=None,
            access_log=False,
            proxy_headers=proxy_headers,
            lifespan="on",
            timeout_graceful_shutdown=3,
        )
    )
    thread = threading.Thread(target=server.run, name=f"serve-{port}", daemon=True)
    thread.start()
    try:
        if not server.answering.wait(START_SECONDS) or not server.started:
            raise RuntimeError("the application did not start")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.end()
        thread.join(START_SECONDS)
