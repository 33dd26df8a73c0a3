"""Many reads at once are one transaction, and each waits until its own event is stored."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from chassis.audit.events import Circumstances, Entry, Event, event, in_circumstances
from chassis.audit.writer import BATCH, AuditWriter
from chassis.errors import Internal, Unavailable


class Doors:
    """Stands in for the database; `hold` keeps a batch from being committed."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.hold = asyncio.Event()
        self.hold.set()
        self.problem: Exception | None = None

    async def write(self, _command: Any, events: list[Event]) -> None:
        await self.hold.wait()
        if self.problem:
            raise self.problem
        self.batches.append([one["resource"] for one in events])


def read(resource: object) -> Event:
    return event(Entry(None, "read", "Thing", str(resource)))


async def test_what_arrives_during_a_commit_is_the_next_batch() -> None:
    doors = Doors()
    writer = AuditWriter(doors)  # type: ignore[arg-type]  # only its write door is used
    doors.hold.clear()

    first = asyncio.create_task(writer.write([read(0)]))
    await asyncio.sleep(0)
    others = [asyncio.create_task(writer.write([read(n)])) for n in range(1, BATCH + 2)]
    await asyncio.sleep(0.01)
    assert not first.done()
    doors.hold.set()
    await asyncio.gather(first, *others)

    assert [len(batch) for batch in doors.batches] == [1, BATCH, 1]


async def test_nobody_is_answered_whose_event_is_not_stored() -> None:
    doors = Doors()
    writer = AuditWriter(doors)  # type: ignore[arg-type]
    doors.problem = OperationalError("insert", {}, Exception())

    with pytest.raises(Unavailable):
        await writer.write([read(1)])
    doors.problem = KeyError("a mistake of ours")
    with pytest.raises(Internal):
        await writer.write([read(2)])
    doors.problem = None
    await writer.write([read(3)])

    assert doors.batches == [["3"]]


async def test_who_goes_away_disturbs_nobody() -> None:
    doors = Doors()
    writer = AuditWriter(doors)  # type: ignore[arg-type]
    doors.hold.clear()
    gone = asyncio.create_task(writer.write([read("gone")]))
    stays = asyncio.create_task(writer.write([read("stays")]))
    await asyncio.sleep(0)

    gone.cancel()
    await asyncio.sleep(0)
    doors.hold.set()
    await stays

    assert [one for batch in doors.batches for one in batch] == ["gone", "stays"]


def test_events_of_a_request_share_its_circumstances() -> None:
    with in_circumstances(Circumstances("audit", "192.0.2.1", "Op", 7)):
        said = event(Entry(None, "update", "Thing", "1", policy_version=8))
        other = event(Entry(None, "update", "Thing", "1", purpose="own"))

    assert (said["purpose"], said["policy_version"]) == ("audit", 8)
    assert (other["purpose"], other["policy_version"]) == ("own", 7)
    assert said["details"] == {"operation": "Op", "address": "192.0.2.1"}
    assert event(Entry(None, "update", "Thing", "1"))["purpose"] is None
