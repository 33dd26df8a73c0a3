"""A fact leaves with its transaction: `record` writes a row, the relay ships it afterwards.

Facts of a service travel on one stream, `facts:<service>`. A relay wakes by NOTIFY and looks every
second in case a notice was lost. Several relays may run: each takes rows under SKIP LOCKED, and a
fact that was shipped twice is handled once, for consumers remember its id.

The stream is bounded: while a reader is far behind, facts wait in the outbox instead of being pushed
out of the stream unread.

Shipped facts are kept for a day. A store that was emptied gets all of them again, one that was
restarted those of the last minutes, since it may have forgotten what it had not yet written down.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
import psycopg
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    MetaData,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from chassis import telemetry
from chassis.background import keeps_running, wait_for_notice
from chassis.db import Database
from chassis.fact import Fact

log = logging.getLogger("huichi.chassis.outbox")

CHANNEL = "outbox"
BATCH = 500
STREAM_LENGTH = 100_000
CROWDED = STREAM_LENGTH // 2


def stream_of(service: str) -> str:
    return f"facts:{service}"


def tables(metadata: MetaData) -> None:
    """Adds what the chassis keeps in every service's database: outbox, inbox, answered."""
    outbox = Table(
        "outbox",
        metadata,
        Column("position", BigInteger, Identity(), primary_key=True),
        Column("id", Uuid, nullable=False, unique=True, server_default=text("uuidv7()")),
        Column("name", Text, nullable=False),
        Column("subject", Text, nullable=False),
        Column("body", JSONB, nullable=False),
        Column("traceparent", Text),
        Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("shipped_at", DateTime(timezone=True)),
    )
    Index(
        "outbox_waiting",
        outbox.c.position,
        postgresql_where=outbox.c.shipped_at.is_(None),
    )
    Index(
        "outbox_shipped",
        outbox.c.shipped_at,
        postgresql_where=outbox.c.shipped_at.is_not(None),
    )
    Table(
        "inbox",
        metadata,
        Column("id", Uuid, primary_key=True),
        Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Index("inbox_at", "at"),
    )
    Table(
        "answered",
        metadata,
        Column("actor", Uuid, primary_key=True),
        Column("command", Text, primary_key=True),
        Column("key", Text, primary_key=True),
        Column("request", Text, nullable=False),
        Column("answer", JSONB),
        Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Index("answered_at", "at"),
    )


_INSERT = text(
    # One notice a transaction: PostgreSQL folds equal notices together.
    "WITH kept AS (INSERT INTO outbox (name, subject, body, traceparent) "
    "VALUES (:name, :subject, CAST(:body AS jsonb), :traceparent) RETURNING position) "
    "SELECT pg_notify('outbox', '') FROM kept"
)


def record(session: Session, fact: Fact) -> None:
    """Writes the fact in the caller's transaction, with the trace it belongs to."""
    session.execute(
        _INSERT,
        {
            "name": fact.name,
            "subject": fact.subject,
            "body": orjson.dumps(fact.body).decode(),
            "traceparent": telemetry.traceparent(),
        },
    )


@dataclass(frozen=True, slots=True)
class Waiting:
    position: int
    id: UUID
    name: str
    subject: str
    body: dict[str, Any]
    traceparent: str | None
    at: str


_TAKE = text(
    "SELECT position, id, name, subject, body, traceparent, at FROM outbox "
    "WHERE shipped_at IS NULL ORDER BY position LIMIT :batch FOR UPDATE SKIP LOCKED"
)
_SHIPPED = text("UPDATE outbox SET shipped_at = now() WHERE position = ANY(:positions)")
_PRUNE = text("DELETE FROM outbox WHERE shipped_at < now() - interval '1 day'")
_PRUNE_INBOX = text("DELETE FROM inbox WHERE at < now() - interval '7 days'")
_PRUNE_ANSWERED = text("DELETE FROM answered WHERE at < now() - interval '7 days'")
_SHIP_AGAIN = text(
    "UPDATE outbox SET shipped_at = NULL WHERE shipped_at > now() - make_interval(secs => :seconds)"
)
A_DAY = 86_400
FORGETFUL_SECONDS = 600
_AGE = text(
    "SELECT coalesce(extract(epoch FROM now() - min(at)), 0) FROM outbox WHERE shipped_at IS NULL"
)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


class Relay:
    """Ships the waiting facts of one service, in their order, to its stream."""

    def __init__(self, database: Database, redis: Redis, service: str, url: str) -> None:
        self._database = database
        self._redis = redis
        self._service = service
        self._url = url
        self._wake = asyncio.Event()
        self.crowded_at = CROWDED

    async def run(self) -> None:
        """Until cancelled: wake by notice or every second, ship, prune once an hour."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            group.create_task(self._pump())
            group.create_task(self._prune())

    async def _pump(self) -> None:
        while keeps_running():
            self._wake.clear()
            try:
                await self.notice_loss()
                while await self.ship() == BATCH:
                    pass
            except (SQLAlchemyError, RedisError, OSError) as problem:
                log.warning("facts wait: %s", type(problem).__name__)
                await asyncio.sleep(0.5)
            await wait_for_notice(self._wake, 1.0)

    async def ship(self) -> int:
        """Ships one batch; returns how many. Rows stay locked until the stream has them."""
        if await self.crowded():
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

    async def crowded(self) -> bool:
        """Whether a reader is so far behind that further facts would push out what it has not read.
        They wait in the outbox meanwhile, where nothing is ever pushed out."""
        stream = stream_of(self._service)
        if await self._redis.xlen(stream) < self.crowded_at:
            return False
        for group in await self._redis.xinfo_groups(stream):
            waiting = group["lag"]
            if waiting is None:  # the server cannot tell after a trim, so they are counted
                last = _text(group["last-delivered-id"])
                found = await self._redis.xrange(stream, f"({last}", "+", count=self.crowded_at)
                waiting = len(found or ())
            if int(group["pending"]) + int(waiting) >= self.crowded_at:
                log.warning("facts wait: %s is far behind on %s", _text(group["name"]), stream)
                return True
        return False

    async def notice_loss(self) -> int:
        """Ships again what the store may have lost; returns how many facts that concerns."""
        mark = f"facts:mark:{self._service}"
        now = str((await self._redis.info("server"))["run_id"])
        raw = await self._redis.get(mark)
        known = raw.decode() if isinstance(raw, bytes) else raw
        if known == now:
            return 0
        seconds = A_DAY if known is None else FORGETFUL_SECONDS
        async with self._database.engine.begin() as connection:
            lost = (await connection.execute(_SHIP_AGAIN, {"seconds": seconds})).rowcount
        await self._redis.set(mark, now)
        if lost:
            log.warning("the store was emptied or restarted: %d facts are shipped again", lost)
        return lost

    async def age(self) -> float:
        """Seconds the oldest waiting fact has waited."""
        async with self._database.engine.connect() as connection:
            return float((await connection.execute(_AGE)).scalar_one())

    async def _listen(self) -> None:
        while keeps_running():
            try:
                async with await psycopg.AsyncConnection.connect(
                    self._url,
                    autocommit=True,
                    application_name=f"{self._service}-relay",
                ) as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    async for _ in connection.notifies():
                        self._wake.set()
            except (psycopg.Error, OSError):
                await asyncio.sleep(1.0)  # the one-second look goes on meanwhile

    async def _prune(self) -> None:
        while True:
            await asyncio.sleep(3600)
            try:
                async with self._database.engine.begin() as connection:
                    for statement in (_PRUNE, _PRUNE_INBOX, _PRUNE_ANSWERED):
                        await connection.execute(statement)
            except (SQLAlchemyError, OSError) as problem:
                log.warning("old facts stay for now: %s", type(problem).__name__)
