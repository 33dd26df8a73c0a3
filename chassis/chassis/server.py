"""The HTTP server of a process, which rests while no request comes."""

from __future__ import annotations

import asyncio
import contextlib
from types import FrameType
from typing import Any

import uvicorn

TICKS_A_SECOND = 10


class RestingServer(uvicorn.Server):
    """uvicorn that looks after itself once a second instead of ten times, and stops at once.

    Its loop asks ten times a second whether a signal came, in every process of an idle house. Here
    the signal wakes the loop.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._signalled = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def main_loop(self) -> None:
        """Tick once a second, for the `date` header, until a signal ends the process."""
        self._loop = asyncio.get_running_loop()
        seconds = 0
        # uvicorn does what is due once a second at every tenth tick.
        while not await self.on_tick(seconds * TICKS_A_SECOND):
            seconds += 1
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._signalled.wait()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Note the signal, as uvicorn does, and wake the loop."""
        super().handle_exit(sig, frame)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._signalled.set)


def run_server(app: Any, **options: Any) -> None:
    """Serve an ASGI application until a signal ends it; options are those of `uvicorn.Config`."""
    RestingServer(
        uvicorn.Config(app, log_config=None, access_log=False, server_header=False, **options)
    ).run()
