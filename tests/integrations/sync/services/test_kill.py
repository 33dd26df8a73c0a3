"""A worker that is killed with -9 anywhere in a run loses no record and brings none twice.

Real workers in processes of their own: Celery on Valkey rings, PostgreSQL remembers.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from chassis.db import SyncDatabase
from integrations.settings import IntegrationsSettings
from integrations.sync.commands import lease
from integrations.sync.commands.lease import LeaseLost
from integrations.sync.domain import RunStatus
from integrations.sync.services.engine import advance
from integrations.sync.store import SyncRunRow
from tests.integrations.house import House
from tests.integrations.pool import FakePool
from tests.integrations.source import FakeSource, a_row, a_spec

RECORDS = 1950


@pytest.fixture
def installed(house: House, source_url: str) -> UUID:
    return house.install("rest", {"spec": a_spec(source_url)}, {"token": "t0"})


def test_a_killed_worker_loses_nothing_and_doubles_nothing(
    house: House, installed: UUID, source: FakeSource, pool: FakePool
) -> None:
    source.fill(RECORDS)
    source.rows[1500] = a_row(1501, name="poison")
    source.delay, pool.delay = 0.03, 0.03
    run = house.start(installed)

    kills = 0
    for pages in (4, 10):
        with a_worker(house.runtime.settings) as worker:
            until(partial(reached, house, run, pages))
            worker.send_signal(signal.SIGKILL)
            worker.wait()
            kills += 1
    with a_worker(house.runtime.settings):
        until(lambda: house.run(run).status not in ("QUEUED", "RUNNING"))

    done = house.run(run)
    assert (kills, done.status, done.fence) == (2, "PARTIAL", 3)
    assert (done.fetched, done.pages, done.dead_lettered) == (RECORDS, 20, 1)
    # Every record is there, and the pool has made each customer once.
    assert house.one("SELECT count(*) FROM source_record") == RECORDS
    assert len(pool.created) == len(set(pool.created)) == RECORDS - 1
    assert pool.updated == []
    assert house.one("SELECT count(*) FROM dead_letter") == 1


def test_a_schedule_starts_runs_by_itself(
    house: House, source: FakeSource, source_url: str
) -> None:
    source.fill(20)
    id = house.install("rest", {"spec": a_spec(source_url)}, {"token": "t0"}, interval_seconds=3600)

    with a_worker(house.runtime.settings):
        until(lambda: statuses(house, id) == ["SUCCEEDED"])

    (run,) = house.all("SELECT requested_by, trace_id FROM sync_run")
    assert run.requested_by is None
    assert len(run.trace_id) == 32


def test_a_lost_doorbell_loses_no_run(house: House, installed: UUID, source: FakeSource) -> None:
    source.fill(1000)
    source.delay = 0.05
    run = house.start(installed)

    with a_worker(house.runtime.settings):
        until(lambda: house.run(run).pages >= 2)
        house.runtime.redis.flushall()
        until(lambda: house.run(run).status == "SUCCEEDED")

    assert house.run(run).fetched == 1000


@pytest.mark.parametrize("crash_at", ["deliver", "commit"])
def test_a_page_that_was_delivered_and_not_committed_comes_back_unchanged(
    house: House,
    installed: UUID,
    source: FakeSource,
    pool: FakePool,
    crash_at: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source.fill(300)
    run = house.start(installed)
    crash(house, crash_at, monkeypatch)

    with pytest.raises(Crash):
        advance(house.runtime, run)
    monkeypatch.undo()
    expire_lease(house, run)
    done = house.finish(run)

    assert (done.status, done.fetched) == ("SUCCEEDED", 300)
    assert len(pool.created) == len(set(pool.created)) == 300
    assert pool.updated == []
    assert house.one("SELECT count(*) FROM source_record WHERE customer_id IS NOT NULL") == 300


def test_a_worker_that_was_thought_dead_changes_nothing_when_it_comes_back(
    house: House, installed: UUID, source: FakeSource
) -> None:
    source.fill(10)
    run = house.start(installed)
    old = house.db.write(lease.claim, run, "old", 0.0)
    new = house.db.write(lease.claim, run, "new", 60.0)

    assert isinstance(old, SyncRunRow)
    assert isinstance(new, SyncRunRow)
    assert new.fence == old.fence + 1
    with pytest.raises(LeaseLost):
        house.db.write(lease.lock_leased, run, old.fence)
    with pytest.raises(LeaseLost):
        house.db.write(lease.finish, run, old.fence, RunStatus.SUCCEEDED)
    with pytest.raises(LeaseLost):
        house.db.write(lease.keep_alive, run, old.fence, 60.0)
    assert house.db.write(lease.keep_alive, run, new.fence, 60.0) is False


def test_two_workers_never_take_one_run(house: House, installed: UUID) -> None:
    run = house.start(installed)

    first = house.db.write(lease.claim, run, "one", 60.0)
    second = house.db.write(lease.claim, run, "two", 60.0)

    assert first is not None
    assert second is None


def reached(house: House, run: UUID, pages: int) -> bool:
    return house.run(run).pages >= pages


class Crash(BaseException):
    """As sudden as a kill: nobody catches it."""


def crash(house: House, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second page is the last thing this process does."""
    count = 0
    if where == "deliver":
        real = type(house.runtime.delivery).absorb

        def absorb(self: Any, *args: Any, **kwargs: Any) -> Any:
            nonlocal count
            count += 1
            answer = real(self, *args, **kwargs)
            if count == 2:
                raise Crash
            return answer

        monkeypatch.setattr(type(house.runtime.delivery), "absorb", absorb)
        return
    write = SyncDatabase.write

    def crashing(self: SyncDatabase, command: Any, *args: Any, **kwargs: Any) -> Any:
        nonlocal count
        if getattr(command, "__name__", "") == "commit_page":
            count += 1
            if count == 2:

                def then_crash(session: Any, *given: Any) -> None:
                    command(session, *given)
                    raise Crash  # after every statement, before the commit

                return write(self, then_crash, *args, **kwargs)
        return write(self, command, *args, **kwargs)

    monkeypatch.setattr(SyncDatabase, "write", crashing)


def expire_lease(house: House, run: UUID) -> None:
    from sqlalchemy import text

    statement = text("UPDATE sync_run SET lease_until = now() - interval '1 s' WHERE id = :id")
    house.db.write(lambda s: s.execute(statement, {"id": run}))


def statuses(house: House, installation: UUID) -> list[str]:
    rows = house.all("SELECT status FROM sync_run WHERE installation_id = :id", id=installation)
    return [row.status for row in rows]


@contextmanager
def a_worker(settings: IntegrationsSettings) -> Iterator[subprocess.Popen[bytes]]:
    """A Celery worker with its scheduler, as another process."""
    said = {name: getattr(settings, name) for name in settings.__struct_fields__}
    environment = {
        f"HUICHI_INTEGRATIONS_{name.upper()}": str(value).lower() if value is True else str(value)
        for name, value in said.items()
        if value is not None and value is not False
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "integrations.worker"],
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
        # Its scheduler is a process too, and outlives a worker that is killed.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def until(question: Callable[[], bool], seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
