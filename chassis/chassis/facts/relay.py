"""Ship the facts of the outbox to the stream of their service.

Facts of a service travel on one stream, `facts:<service>`. A relay wakes by NOTIFY; it polls every
five seconds as well, and every second while it cannot listen. Several relays may run: each takes
rows under SKIP LOCKED, and a fact that was shipped twice is handled once, for consumers remember
its id.

The stream is bounded: while a reader is far behind, facts wait in the outbox instead of being
pushed out of the stream unread.

Shipped facts are kept for a day. A Valkey that was emptied gets all of them again, one that was
restarted those of the last minutes, since it may have lost what it had not yet persisted.
"""

from __future__ import annotations

import asyncio
import logging

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from chassis.background import DatabaseNotices, keeps_running
from chassis.db import Database
from chassis.facts.outbox import CHANNEL, stream_of

log = logging.getLogger("huichi.chassis.outbox")

BATCH = 500
STREAM_LENGTH = 100_000
BACKLOG_LIMIT = STREAM_LENGTH // 2
POLL_SECONDS = 5.0
"""How often the outbox is looked at without a notice, while the relay is listening."""
EMPTIED_SECONDS = 86_400
RESTARTED_SECONDS = 600

_TAKE = text(
    "SELECT position, id, name, subject, body, traceparent, at FROM outbox "
    "WHERE shipped_at IS NULL ORDER BY position LIMIT :batch FOR UPDATE SKIP LOCKED"
)
_SHIPPED = text("UPDATE outbox SET shipped_at = now() WHERE position = ANY(:positions)")
_PRUNE = (
    text("DELETE FROM outbox WHERE shipped_at < now() - interval '1 day'"),
    text("DELETE FROM inbox WHERE at < now() - interval '7 days'"),
    text("DELETE FROM idempotency_key WHERE at < now() - interval '7 days'"),
)
_SHIP_AGAIN = text(
    "UPDATE outbox SET shipped_at = NULL WHERE shipped_at > now() - make_interval(secs => :seconds)"
)
_AGE = text(
    "SELECT coalesce(extract(epoch FROM now() - min(at)), 0) FROM outbox WHERE shipped_at IS NULL"
)


class Relay:
    """Ships the waiting facts of one service, in their order, to its stream."""

    def __init__(self, database: Database, redis: Redis, service: str, url: str) -> None:
        self._database = database
        self._redis = redis
        self._service = service
        self._notices = DatabaseNotices(url, CHANNEL, f"{service}-relay")
        self.backlog_limit = BACKLOG_LIMIT

    async def run(self) -> None:
        """Ship facts as they come and prune once an hour, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._notices.listen())
            group.create_task(self._pump())
            group.create_task(self._prune())

    async def _pump(self) -> None:
        while keeps_running():
            if self._notices.is_due(POLL_SECONDS):
                try:
                    await self.ship_lost()
                    while await self.ship() == BATCH:
                        pass
                except (SQLAlchemyError, RedisError, OSError) as problem:
                    log.warning("facts wait: %s", type(problem).__name__)
                    self._notices.again()
                    await asyncio.sleep(0.5)
            await self._notices.wait(1.0)

    async def ship(self) -> int:
        """Ship one batch and return its size. Rows stay locked until the stream has them."""
        if await self.is_backlogged():
            return 0
        async with self._database.engine.begin() as connection:
            rows = (await connection.execute(_TAKE, {"batch": BATCH})).all()
            if not rows:
                return 0
            pipeline = self._redis.pipeline(transaction=False)
            for row in rows:
                pipeline.xadd(
                    stream_of(self._service),
                    {
                        "id": str(row.id),
                        "name": row.name,
                        "subject": row.subject,
                        "body": orjson.dumps(row.body),
                        "traceparent": row.traceparent or "",
                        "at": row.at.isoformat(),
                    },
                    maxlen=STREAM_LENGTH,
                    approximate=True,
                )
            await pipeline.execute()
            await connection.execute(_SHIPPED, {"positions": [row.position for row in rows]})
            return len(rows)

    async def is_backlogged(self) -> bool:
        """Return whether a reader is so far behind that more facts would push out unread ones.

        Facts wait in the outbox meanwhile, where nothing is pushed out.
        """
        stream = stream_of(self._service)
        if await self._redis.xlen(stream) < self.backlog_limit:
            return False
        for group in await self._redis.xinfo_groups(stream):
            waiting = group["lag"]
            if waiting is None:  # the server does not know it after a trim, so they are counted
                last = _text(group["last-delivered-id"])
                entries = await self._redis.xrange(
                    stream, f"({last}", "+", count=self.backlog_limit
                )
                waiting = len(entries or ())
            if int(group["pending"]) + int(waiting) >= self.backlog_limit:
                log.warning("facts wait: %s is far behind on %s", _text(group["name"]), stream)
                return True
        return False

    async def ship_lost(self) -> int:
        """Mark facts that Valkey may have lost to be shipped again; return their number."""
        mark = f"facts:mark:{self._service}"
        run_id = str((await self._redis.info("server"))["run_id"])
        raw = await self._redis.get(mark)
        known_run_id = raw.decode() if isinstance(raw, bytes) else raw
        if known_run_id == run_id:
            return 0
        seconds = EMPTIED_SECONDS if known_run_id is None else RESTARTED_SECONDS
        async with self._database.engine.begin() as connection:
            lost = (await connection.execute(_SHIP_AGAIN, {"seconds": seconds})).rowcount
        await self._redis.set(mark, run_id)
        if lost:
            log.warning("the store was emptied or restarted: %d facts are shipped again", lost)
        return lost

    async def age(self) -> float:
        """Return for how many seconds the oldest waiting fact has waited."""
        async with self._database.engine.connect() as connection:
            return float((await connection.execute(_AGE)).scalar_one())

    async def _prune(self) -> None:
        while True:
            await asyncio.sleep(3600)
            try:
                async with self._database.engine.begin() as connection:
                    for statement in _PRUNE:
                        await connection.execute(statement)
            except (SQLAlchemyError, OSError) as problem:
                log.warning("old facts stay for now: %s", type(problem).__name__)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
