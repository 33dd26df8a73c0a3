"""Consume the facts of other services; each fact is handled once.

Every listening service is one consumer group. A handler runs in the same transaction that writes
the fact's id into the inbox, so a fact that arrives twice is handled once; facts that a crashed
process left unacknowledged are claimed by another one after a while.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from opentelemetry.trace import SpanKind
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from chassis import telemetry
from chassis.background import keeps_running
from chassis.db import Database
from chassis.facts.outbox import stream_of

log = logging.getLogger("huichi.chassis.stream")

BATCH = 100
BLOCK_MS = 5_000
ABANDONED_MS = 15_000
POISON_AFTER = 10
_INSERT = text("INSERT INTO inbox (id) VALUES (:id) ON CONFLICT DO NOTHING")


@dataclass(frozen=True, slots=True)
class Received:
    """A fact as its receiver gets it."""

    id: UUID
    name: str
    subject: str
    body: dict[str, Any]
    source: str
    at: datetime


Handler = Callable[[Session, Received], None]


class Consumer:
    """Handles the facts that one service listens to, in the order of each source."""

    def __init__(
        self,
        database: Database,
        redis: Redis,
        service: str,
        listens_to: Sequence[str],
        handlers: Mapping[str, Handler],
        *,
        name: str = "1",
    ) -> None:
        self._database = database
        self._redis = redis
        self._group = service
        self._name = name
        self._sources = {stream_of(source): source for source in listens_to}
        self._handlers = handlers

    async def run(self) -> None:
        """Handle new facts, and from time to time abandoned ones, until cancelled."""
        if not self._sources:
            return
        last_claim = float("-inf")
        while keeps_running():
            try:
                now = asyncio.get_running_loop().time()
                if now - last_claim > ABANDONED_MS / 2000:
                    await self._join_groups()
                    await self._claim_abandoned()
                    last_claim = now
                await self.step(block_ms=BLOCK_MS)
            except (RedisError, SQLAlchemyError, OSError) as problem:
                if "NOGROUP" in str(problem):
                    last_claim = float("-inf")  # Valkey was emptied: create the groups again
                log.warning("facts cannot be read now: %s", type(problem).__name__)
                await asyncio.sleep(0.5)

    async def step(self, block_ms: int | None = None) -> int:
        """Handle one batch of new facts; return their number."""
        streams: dict[Any, Any] = dict.fromkeys(self._sources, ">")
        response = await self._redis.xreadgroup(
            self._group, self._name, streams, count=BATCH, block=block_ms
        )
        count = 0
        for stream, entries in _pairs(response):
            for entry_id, fields in entries:
                await self._handle(stream, entry_id, fields)
                count += 1
        return count

    async def _join_groups(self) -> None:
        for stream in self._sources:
            with contextlib.suppress(ResponseError):  # BUSYGROUP: it exists already
                await self._redis.xgroup_create(stream, self._group, id="0", mkstream=True)

    async def _claim_abandoned(self) -> None:
        for stream in self._sources:
            cursor: Any = "0-0"
            while True:
                response = await self._redis.xautoclaim(
                    stream,
                    self._group,
                    self._name,
                    ABANDONED_MS,
                    start_id=cursor,
                    count=BATCH,
                )
                cursor, entries = response[0], response[1]
                for entry_id, fields in entries:
                    if fields:
                        await self._handle(stream, entry_id, fields)
                if _text(cursor) == "0-0":
                    break

    async def _handle(self, stream: str, entry_id: Any, raw: Mapping[Any, Any]) -> None:
        fields = {_text(key): value for key, value in raw.items()}
        handler = self._handlers.get(_text(fields["name"]))
        if handler is not None:
            fact = Received(
                id=UUID(_text(fields["id"])),
                name=_text(fields["name"]),
                subject=_text(fields["subject"]),
                body=orjson.loads(fields["body"]),
                source=self._sources[stream],
                at=datetime.fromisoformat(_text(fields["at"])),
            )
            if not await self._apply(handler, fact, _text(fields["traceparent"]) or None, entry_id):
                return
        await self._redis.xack(stream, self._group, entry_id)

    async def _apply(
        self, handler: Handler, fact: Received, parent: str | None, entry_id: Any
    ) -> bool:
        """Run a handler; return whether to acknowledge the fact.

        A fact whose handler failed is tried again when it is claimed.
        """
        with telemetry.span(
            f"handle {fact.name}",
            kind=SpanKind.CONSUMER,
            parent=parent,
            **{"fact.id": str(fact.id)},
        ):
            try:
                await self._database.write(_handle_once, handler, fact)
            except (SQLAlchemyError, OSError) as problem:
                log.warning("fact %s %s waits: %s", fact.name, fact.id, type(problem).__name__)
                return False
            except Exception:
                # A handler that always fails on a fact would block all later facts for ever.
                log.exception("fact %s %s could not be handled", fact.name, fact.id)
                return await self._set_aside(fact)
        return True

    async def _set_aside(self, fact: Received) -> bool:
        """Count a failure; after too many, move the fact to the dead list and return `True`."""
        key = f"facts:failed:{self._group}:{fact.id}"
        tries = int(await self._redis.incr(key))
        await self._redis.expire(key, 86_400)
        if tries < POISON_AFTER:
            return False
        await self._redis.rpush(
            f"facts:dead:{self._group}",
            orjson.dumps({"id": str(fact.id), "name": fact.name}),
        )
        log.error("fact %s %s is set aside after %d tries", fact.name, fact.id, tries)
        return True


def _handle_once(session: Session, handler: Handler, fact: Received) -> None:
    if session.execute(_INSERT, {"id": fact.id}).rowcount == 1:  # type: ignore[attr-defined]
        handler(session, fact)


def _pairs(response: Any) -> list[tuple[str, list[tuple[Any, Mapping[Any, Any]]]]]:
    """Return the entries by stream: redis-py gives a dict under RESP3, a list under RESP2."""
    if not response:
        return []
    items = response.items() if isinstance(response, Mapping) else response
    pairs = []
    for stream, entries in items:
        # RESP3 wraps the entries of one stream in another list.
        flat = entries[0] if entries and isinstance(entries[0], list) else entries
        pairs.append((_text(stream), flat))
    return pairs


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
