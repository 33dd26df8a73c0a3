"""How background work waits and how it ends: woken by a notice or by time, until it is cancelled."""

from __future__ import annotations

import asyncio
import contextlib


def keeps_running() -> bool:
    """Always true, but raises the cancellation of this task if it was forgotten on the way.

    Loops ask this instead of `while True`: before Python 3.12 `asyncio.wait_for` drops a cancellation
    that comes together with the result, and the client of Valkey sends every command through it. A
    process told to stop would then go on for ever.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
    return True


async def wait_for_notice(woken: asyncio.Event, seconds: float) -> None:
    """Wait until `woken` is set, `seconds` at most. Not by `wait_for`, for the reason above."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await woken.wait()
