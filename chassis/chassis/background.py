"""How background work waits and ends: woken by a notice or by time, until it is cancelled."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
from redis.asyncio import Redis
from redis.exceptions import RedisError

from chassis.db import connect

# How often a published value is looked at although no message came: one GET on an open connection,
# so that the bound of a second holds even where every message is lost.
POLL_SECONDS = 0.5
RETRY_SECONDS = 0.5


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

    It does not use `wait_for`, for the reason given in `keeps_running`, and raises a cancellation
    that was lost before.
    """
    keeps_running()
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


class DatabaseNotices:
    """Wakes a loop at every NOTIFY on a PostgreSQL channel.

    A notice is lost only while the connection is down. The loop is therefore woken when the
    connection comes and when it ends, and polls at short intervals until there is one again.
    """

    def __init__(self, url: str, channel: str, application: str) -> None:
        self._url = url
        self._channel = channel
        self._application = application
        self._woken = asyncio.Event()
        self._connected = False
        self._next_look = 0.0

    def wake(self) -> None:
        """Make the loop look at once."""
        self._woken.set()

    def is_due(self, seconds: float) -> bool:
        """Return whether the database is to be looked at now: at a notice, else every `seconds`.

        Without a connection it always is. The loop that gets `True` looks; `again` undoes that.
        """
        now = time.monotonic()
        if not self._woken.is_set() and self._connected and now < self._next_look:
            return False
        self._woken.clear()
        self._next_look = now + seconds
        return True

    def again(self) -> None:
        """Make the next look due although there was no notice: the last one failed."""
        self._next_look = 0.0

    async def wait(self, seconds: float) -> None:
        """Wait for a notice, at most `seconds`."""
        await wait_for_notice(self._woken, seconds)

    async def listen(self) -> None:
        """Listen and connect again after every failure, until cancelled."""
        while keeps_running():
            try:
                async with await connect(
                    self._url,
                    autocommit=True,
                    application_name=self._application,
                    connect_timeout=5,
                    # A connection that went silent is found out within seconds.
                    keepalives_idle=2,
                    keepalives_interval=1,
                    keepalives_count=3,
                ) as connection:
                    await connection.execute(f"LISTEN {self._channel}")
                    self._connected = True
                    self._woken.set()  # for what was committed before
                    await _read_notices(connection, self._woken)
            except (psycopg.Error, OSError):
                self._connected = False
                self._woken.set()
                await asyncio.sleep(RETRY_SECONDS)
            finally:
                self._connected = False


async def _read_notices(connection: psycopg.AsyncConnection[Any], woken: asyncio.Event) -> None:
    """Set `woken` at every notice until the connection ends, which raises `OperationalError`.

    The driver's own iterator looks ten times a second whether something came; the event loop knows.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()
    protocol = connection.pgconn

    def read() -> None:
        try:
            protocol.consume_input()
            while protocol.notifies() is not None:
                woken.set()
        except psycopg.OperationalError as problem:
            if not ended.done():
                ended.set_exception(problem)

    socket = protocol.socket
    loop.add_reader(socket, read)
    try:
        await ended
    finally:
        loop.remove_reader(socket)


async def _listen_to_channel(redis: Redis, channel: str, woken: asyncio.Event) -> None:
    while keeps_running():
        try:
            async with redis.pubsub() as subscription:
                await subscription.subscribe(channel)
                woken.set()  # for what was published before
                while keeps_running():
                    if await subscription.get_message(ignore_subscribe_messages=True, timeout=10.0):
                        woken.set()
        except (RedisError, OSError):
            await asyncio.sleep(RETRY_SECONDS)
