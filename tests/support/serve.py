"""Runs a web application on a port of its own while a test talks to it over real HTTP."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from tests.support.servers import free_port

START_SECONDS = 20


@contextmanager
def served(
    app: ASGIApp,
    *,
    proxy_headers: bool = True,
    http: type[asyncio.Protocol] | None = None,
    port: int | None = None,
) -> Iterator[str]:
    """Serve `app` from a thread and give its base address, `http://127.0.0.1:<port>`.

    `proxy_headers` lets uvicorn itself believe `x-forwarded-for`; `http` is a protocol of the app's own.
    """
    port = port or free_port()
    server = uvicorn.Server(
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
        _wait(server, thread)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(START_SECONDS)


def _wait(server: uvicorn.Server, thread: threading.Thread) -> None:
    until = time.monotonic() + START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > until:
            raise RuntimeError("the application did not start")
        time.sleep(0.02)
