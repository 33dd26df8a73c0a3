"""How background work waits and ends: woken by a notice or by time, until it is cancelled."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import psycopg
from redis.asyncio import Redis
from redis.exceptions import RedisError

POLL_SECONDS = 0.5


def keeps_running() -> bool:
    """Return `True`, or raise the cancellation of this task if it was lost on the way.

    Loops call this instead of `while True`: before Python 3.12 `asyncio.wait_for` drops a
    cancellation that comes together with the result, and the client of Valkey sends every command
    through it. A process that is stopped would then run for ever.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
    return True


async def wait_for_notice(woken: asyncio.Event, seconds: float) -> None:
    """Wait until `woken` is set, at most `seconds`.

    It does not use `wait_for`, for the reason given in `keeps_running`.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await woken.wait()


async def follow_published(
    redis: Redis,
    channel: str,
    catch_up: Callable[[], Awaitable[None]],
    warning: Callable[[str], None],
) -> None:
    """Call `catch_up` after every message on a channel and every half second, until cancelled.

    A message makes it quick, the poll makes it certain. `catch_up` reads the published value;
    `warning` gets the name of an error that prevented it.
    """
    woken = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(_listen_to_channel(redis, channel, woken))
        while keeps_running():
            woken.clear()
            try:
                await catch_up()
            except (RedisError, OSError, ValueError, TypeError) as problem:
                warning(type(problem).__name__)
            await wait_for_notice(woken, POLL_SECONDS)


async def listen_to_database(
    url: str, channel: str, woken: asyncio.Event, application: str
) -> None:
    """Set `woken` at every NOTIFY on a PostgreSQL channel, until cancelled.

    A notice may be lost while the connection is down, so the caller polls as well.
    """
    while keeps_running():
        try:
            async with await psycopg.AsyncConnection.connect(
                url, autocommit=True, application_name=application
            ) as connection:
                await connection.execute(f"LISTEN {channel}")
                woken.set()  # for what was committed before
                async for _ in connection.notifies():
                    woken.set()
        except (psycopg.Error, OSError):
            await asyncio.sleep(1.0)


async def _listen_to_channel(redis: Redis, channel: str, woken: asyncio.Event) -> None:
    while keeps_running():
        try:
            async with redis.pubsub() as subscription:
                await subscription.subscribe(channel)
                while keeps_running():
                    if await subscription.get_message(ignore_subscribe_messages=True, timeout=1.0):
                        woken.set()
        except (RedisError, OSError):
            await asyncio.sleep(0.5)
