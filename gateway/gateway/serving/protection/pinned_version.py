"""A version that lives in Valkey is told to every subgraph of one operation, so that none answers by another one than the rest."""

import asyncio
import logging
from typing import TYPE_CHECKING

from gateway.errors import BadSettings
from gateway.protection import Pin
from gateway.serving.protection.rate_limits import connect, unreachable

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.asyncio.client import PubSub

log = logging.getLogger("gateway")


class Pinned:
    """Follows the version: a message makes it quick, a look every quarter of a second makes it certain.

    While the store is out of reach the last known version stays: it is for subgraphs to say that they
    have gone on, and then nothing is answered by two versions either.
    """

    def __init__(self, settings: Pin) -> None:
        if not settings.redis_url:
            raise BadSettings(
                "protection.pin needs redis_url.", "protection.pin 需要设置 redis_url。"
            )
        self.settings = settings
        self.version: str | None = None
        self._going = True
        self._redis: Redis = connect(settings.redis_url)

    def header(self) -> tuple[str, str] | None:
        """What subgraphs are told; nothing before there is a version."""
        return (self.settings.header, self.version) if self.version else None

    async def follow(self) -> None:
        """Until cancelled."""
        while self._going:
            try:
                async with self._redis.pubsub() as messages:
                    if self.settings.channel:
                        await messages.subscribe(self.settings.channel)
                    while self._going:  # a cancellation may be lost in the client
                        await self.look()
                        await self._wait(messages)
            except unreachable():
                log.warning("the pinned version cannot be looked up now")
                await asyncio.sleep(self.settings.poll_seconds)

    async def look(self) -> None:
        """Take the present version."""
        found = await self._redis.get(self.settings.key)
        if isinstance(found, bytes):
            self.version = found.decode("latin-1")[:100]

    async def close(self) -> None:
        """Give the connections back."""
        self._going = False
        await self._redis.aclose()

    async def _wait(self, messages: "PubSub") -> None:
        seconds = self.settings.poll_seconds
        if not self.settings.channel:
            await asyncio.sleep(seconds)
            return
        await messages.get_message(ignore_subscribe_messages=True, timeout=seconds)
