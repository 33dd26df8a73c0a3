"""A wait ends by notice, by time, or by cancellation, and a cancellation is never forgotten."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from chassis.background import keeps_running, wait_for_notice


async def test_ends_by_notice() -> None:
    woken = asyncio.Event()
    waiting = asyncio.create_task(wait_for_notice(woken, 3600))
    await asyncio.sleep(0)

    woken.set()

    await asyncio.wait_for(waiting, 20)


async def test_ends_by_time() -> None:
    await wait_for_notice(asyncio.Event(), 0.01)


async def test_a_cancellation_that_comes_with_the_notice_counts() -> None:
    woken = asyncio.Event()
    waiting = asyncio.create_task(wait_for_notice(woken, 3600))
    await asyncio.sleep(0)

    woken.set()
    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_loop_hears_of_a_cancellation_that_was_forgotten_on_the_way() -> None:
    rounds = 0

    async def work() -> None:
        nonlocal rounds
        while keeps_running():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0)
            rounds += 1

    working = asyncio.create_task(work())
    await asyncio.sleep(0.01)

    working.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(asyncio.shield(working), 20)
    assert rounds > 0
