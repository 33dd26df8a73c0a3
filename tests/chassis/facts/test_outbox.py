"""A fact leaves with its transaction, arrives, and is handled once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from uuid import UUID

import pytest
import redis.asyncio as redis
from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.db import Database
from chassis.errors import Conflict
from chassis.facts import outbox
from chassis.facts.outbox import record
from chassis.facts.relay import Relay
from chassis.facts.stream import Consumer, Received
from chassis.facts.types import Fact
from chassis.idempotency import run_idempotent
from chassis.migrate import chassis_tables

ACTOR = UUID(int=9)


@dataclass
class House:
    """A sender and a receiver with a database each."""

    here: Database
    there: Database
    store: redis.Redis
    url: str
    seen: list[Received] = field(default_factory=list)

    def relay(self) -> Relay:
        return Relay(self.here, self.store, "sender", self.url)

    def consumer(self, name: str = "1") -> Consumer:
        def handle(session: Session, fact: Received) -> None:
            if fact.subject == "poison":
                raise ValueError("cannot digest")
            self.seen.append(fact)

        return Consumer(
            self.there, self.store, "receiver", ["sender"], {"thing.happened": handle}, name=name
        )


@pytest.fixture
async def house(database, empty_redis: str) -> AsyncIterator[House]:  # type: ignore[no-untyped-def]
    urls = [database(), database()]
    here, there = (Database(url, application="test") for url in urls)
    for one in (here, there):
        async with one.engine.begin() as connection:
            await connection.run_sync(_tables)
    store = redis.Redis.from_url(empty_redis)
    yield House(here, there, store, urls[0])
    await store.aclose()
    for one in (here, there):
        await one.close()


def _tables(connection: object) -> None:
    class Op:
        @staticmethod
        def get_bind() -> object:
            return connection

    chassis_tables(Op)


def a_fact(subject: str = "1") -> Fact:
    return Fact("thing.happened", subject, {"n": 1})


async def test_arrives_once_though_it_was_shipped_twice(house: House) -> None:
    await house.here.write(record, a_fact())
    assert await house.relay().ship() == 1
    await house.here.write(lambda s: s.execute(text("UPDATE outbox SET shipped_at = NULL")))
    assert await house.relay().ship() == 1
    consumer = house.consumer()
    await consumer._join_groups()

    await consumer.step()

    assert [fact.subject for fact in house.seen] == ["1"]


async def test_does_not_leave_a_transaction_that_failed(house: House) -> None:
    def command(session: Session) -> None:
        record(session, a_fact())
        raise RuntimeError("changed my mind")

    with pytest.raises(RuntimeError):
        await house.here.write(command)

    assert await house.relay().ship() == 0


async def test_waits_in_the_table_while_the_store_is_away(house: House) -> None:
    await house.here.write(record, a_fact())
    away = redis.Redis.from_url("redis://127.0.0.1:1/0")

    with pytest.raises(redis.RedisError):
        await Relay(house.here, away, "sender", house.url).ship()

    assert await house.relay().age() > 0
    assert await house.relay().ship() == 1


async def test_ships_within_a_moment_of_the_commit(house: House) -> None:
    running = [
        asyncio.create_task(house.relay().run()),
        asyncio.create_task(house.consumer().run()),
    ]
    await asyncio.sleep(0.3)  # both are listening now

    await house.here.write(record, a_fact("quick"))
    async with asyncio.timeout(5):
        while not house.seen:  # noqa: ASYNC110 - the handler runs in a database session, not here
            await asyncio.sleep(0.01)

    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    assert house.seen[0].subject == "quick"
    assert house.seen[0].source == "sender"


async def test_facts_wait_while_a_reader_is_far_behind(house: House) -> None:
    await house.consumer()._join_groups()
    relay = house.relay()
    relay.backlog_limit = 3
    for n in range(3):
        await house.here.write(record, a_fact(f"{n}"))
    assert await relay.ship() == 3
    await house.here.write(record, a_fact("waits"))

    assert await relay.ship() == 0
    assert await house.store.xlen("facts:sender") == 3
    await house.consumer().step()

    assert await relay.ship() == 1
    await house.consumer().step()
    assert [fact.subject for fact in house.seen] == ["0", "1", "2", "waits"]


async def test_ships_again_what_an_emptied_store_lost(house: House) -> None:
    relay = house.relay()
    await relay.ship_lost()
    await house.here.write(record, a_fact("lost"))
    await relay.ship()
    await house.store.flushdb()

    assert await relay.ship_lost() == 1
    assert await relay.ship_lost() == 0
    await relay.ship()

    consumer = house.consumer()
    await consumer._join_groups()
    await consumer.step()
    assert [fact.subject for fact in house.seen] == ["lost"]


async def test_ships_the_last_minutes_again_after_a_restart_of_the_store(house: House) -> None:
    relay = house.relay()
    for subject in ("long ago", "just now"):
        await house.here.write(record, a_fact(subject))
    await relay.ship()
    await house.here.write(
        lambda s: s.execute(
            text(
                "UPDATE outbox SET shipped_at = now() - interval '1 hour' "
                "WHERE subject = 'long ago'"
            )
        )
    )
    await house.store.set("facts:mark:sender", "another process")

    assert await relay.ship_lost() == 1


async def test_sets_a_poison_fact_aside_and_goes_on(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chassis.facts.stream.ABANDONED_MS", 0)
    monkeypatch.setattr("chassis.facts.stream.POISON_AFTER", 2)
    await house.here.write(record, a_fact("poison"))
    await house.here.write(record, a_fact("good"))
    await house.relay().ship()
    consumer = house.consumer()
    await consumer._join_groups()

    await consumer.step()
    await consumer._claim_abandoned()

    assert [fact.subject for fact in house.seen] == ["good"]
    assert await house.store.llen("facts:dead:receiver") == 1
    pending = await house.store.xpending(outbox.stream_of("sender"), "receiver")
    assert pending["pending"] == 0


async def test_takes_over_what_a_dead_process_left(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chassis.facts.stream.ABANDONED_MS", 0)
    await house.here.write(record, a_fact("left"))
    await house.relay().ship()
    await house.consumer()._join_groups()
    await house.store.xreadgroup("receiver", "dead", {outbox.stream_of("sender"): ">"})

    await house.consumer("alive")._claim_abandoned()

    assert [fact.subject for fact in house.seen] == ["left"]


async def test_answers_a_repeated_write_again_without_doing_it(house: House) -> None:
    done: list[int] = []

    def command(session: Session, request: str) -> dict[str, int]:
        def run() -> dict[str, int]:
            done.append(1)
            return {"id": len(done)}

        return run_idempotent(session, ACTOR, "key", "make", run, request=request)

    first = await house.here.write(command, "a")
    again = await house.here.write(command, "a")
    with pytest.raises(Conflict):
        await house.here.write(command, "b")

    assert first == again == {"id": 1}
    assert len(done) == 1
