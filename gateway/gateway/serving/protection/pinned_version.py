"""A version from Valkey, sent to every subgraph of an operation so that all answer by one."""

import asyncio
import logging
from typing import TYPE_CHECKING

from gateway.errors import BadSettings
from gateway.protection import Pin
from gateway.serving.valkey import connect, unreachable

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.asyncio.client import PubSub

log = logging.getLogger("gateway")


class PinnedVersion:
    """Follows the version: by messages to be quick, by polling to be certain.

    While Valkey is unreachable the last version read stays: subgraphs that have moved on refuse it,
    and then no operation is answered by two versions either.
    """

    def __init__(self, settings: Pin) -> None:
        if not settings.redis_url:
            raise BadSettings(
                "protection.pin needs redis_url.", "protection.pin 需要设置 redis_url。"
            )
        self.settings = settings
        self.version: str | None = None
        self._open = True
        self._redis: Redis = connect(settings.redis_url)

    def header(self) -> tuple[str, str] | None:
        """Return the header for subgraphs; None before a version was read."""
        return (self.settings.header, self.version) if self.version else None

    async def follow(self) -> None:
        """Follow the version until cancelled."""
        while self._open:
            try:
                async with self._redis.pubsub() as messages:
                    if self.settings.channel:
                        await messages.subscribe(self.settings.channel)
                    while self._open:  # a cancellation may be lost in the client
                        await self.refresh()
                        await self._wait(messages)
            except unreachable():
                log.warning("the pinned version cannot be read now")
                await asyncio.sleep(self.settings.poll_seconds)

    async def refresh(self) -> None:
        """Read the present version."""
        version = await self._redis.get(self.settings.key)
        if isinstance(version, bytes):
            self.version = version.decode("latin-1")[:100]

    async def close(self) -> None:
        """Close the connections."""
        self._open = False
        await self._redis.aclose()

    async def _wait(self, messages: "PubSub") -> None:
        seconds = self.settings.poll_seconds
        if not self.settings.channel:
            await asyncio.sleep(seconds)
            return
        await messages.get_message(ignore_subscribe_messages=True, timeout=seconds)
