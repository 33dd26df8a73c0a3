"""Store the audit events of reads before they are answered, many of them in one transaction.

A read has no transaction to write its audit event in. It passes the event to the writer and waits
until it is stored; all events that arrive while one batch is being committed form the next batch.
So an answer never leaves before its event is safe in the outbox (a process that is killed in
between has sent no answer), and a hundred concurrent reads cost one commit.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Sequence

from sqlalchemy.exc import SQLAlchemyError

from chassis.audit.events import Event, record_all
from chassis.db import Database
from chassis.errors import HuichiError, Unavailable, internal

log = logging.getLogger("huichi.chassis.audit_writer")

BATCH = 100


class AuditWriter:
    """Writes the audit events of reads; one per process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[tuple[Sequence[Event], asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def write(self, events: Sequence[Event]) -> None:
        """Return when the events are stored. Raise `Unavailable` if they cannot be."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((events, done))
        if self._writing is None:
            # In a context of its own: the batch belongs to no single request.
            empty = contextvars.Context()
            self._writing = asyncio.get_running_loop().create_task(
                self._write_batches(), context=empty
            )
        await done

    async def _write_batches(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
                problem = await self._store([event for events, _ in batch for event in events])
                for _, done in batch:
                    _settle(done, problem)
        finally:
            self._writing = None

    async def _store(self, events: Sequence[Event]) -> HuichiError | None:
        try:
            await self._database.write(record_all, events)
        except (SQLAlchemyError, OSError) as problem:
            log.warning("reads cannot be audited now: %s", type(problem).__name__)
            return Unavailable(
                "The read cannot be recorded in the audit ledger now, so no data is returned; try "
                "again in a moment.",
                "审计记录暂时无法写入，因此不返回数据，请稍后再试。",
            )
        except Exception:
            # A request that waits for this batch must not wait for ever because of a bug.
            log.exception("reads could not be audited")
            return internal()
        return None


def _settle(done: asyncio.Future[None], problem: HuichiError | None) -> None:
    if done.done():  # the waiting request was cancelled
        return
    if problem is None:
        done.set_result(None)
    else:
        done.set_exception(problem)
