"""Exports in the worker: beat gives due ones out under a lease, a task makes one whole file.

A file is of one moment, so it is made in one go, with a sign of life after every batch: whoever revokes
the export meanwhile stops it, and a worker that dies is followed by another.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from uuid import UUID

from celery import Celery
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from chassis import telemetry
from chassis.actor import Actor
from chassis.errors import HuichiError, Unavailable, internal
from chassis.worker import Work, task
from customers.exports.commands import decision as commands
from customers.exports.commands.file import NoLongerWanted, keep, made
from customers.exports.domain.customer_export import FAILED, MAX_FAILURES, RUNNING
from customers.exports.store import customer_export as store
from customers.exports.store.customer_export import ExportRow
from customers.settings import CustomersSettings

log = logging.getLogger("huichi.customers.export")

TAKE = "customers.take_exports"
RUN = "customers.make_export"
EXPIRE = "customers.expire_exports"
MOST_AT_ONCE = 4
LIMIT_SECONDS = 900

Next = Callable[[UUID, int], None]


def take(work: Work, settings: CustomersSettings, enqueue: Next) -> int:
    """Gives out what is due, also what a dead worker left behind; returns how many."""
    due = work.db.write(store.take_due, settings.import_lease_seconds, MOST_AT_ONCE)
    for row in due:
        with telemetry.span("export taken", parent=row.traceparent, export_id=str(row.id)):
            enqueue(row.id, row.fence)
    return len(due)


def run(work: Work, settings: CustomersSettings, id: UUID, given: int) -> bool:
    """Makes the file of one export; whether it is there now."""
    fence = work.db.write(store.begin, id, given, settings.import_lease_seconds)
    row = work.db.read(store.by_id, id) if fence is not None else None
    if fence is None or row is None:
        return False
    try:
        with telemetry.span("export made", export_id=str(id)):
            return _make(work, settings, row, fence)
    except NoLongerWanted:
        return False
    except Unavailable:
        work.db.write(store.postpone, id, fence, 2.0)
    except HuichiError as problem:
        work.db.write(fail, id, fence, problem)
    except DBAPIError as problem:
        log.warning("export %s waits: %s", id, type(problem.orig).__name__)
        _postpone(work, id, fence)
    except Exception:
        log.exception("export %s failed", id)
        _postpone(work, id, fence)
    return False


def _make(work: Work, settings: CustomersSettings, row: ExportRow, fence: int) -> bool:
    """The rights are those of the requester now, not of the day they asked."""
    permissions = work.fresh_guard().permissions(Actor(row.actor_id, None, row.locale))

    def alive(rows: int) -> bool:
        return work.db.write(store.advance, row.id, fence, rows, settings.import_lease_seconds)

    def make(session: Session) -> bool:
        with made(session, permissions, row, settings.export_max_rows, alive) as file:
            return work.db.write(keep, row.id, fence, file, permissions)

    return work.db.read(make)


def fail(session: Session, id: UUID, fence: int, problem: HuichiError) -> None:
    """Ends an export that cannot be made, and says why."""
    row = store.by_id(session, id, locked=True)
    if row is not None and row.fence == fence and row.status == RUNNING:
        said = {"code": problem.code, "en": problem.en, "zh": problem.zh}
        store.finish(session, id, FAILED, problem=said)
        commands.told_failed(session, row, problem)


def _postpone(work: Work, id: UUID, fence: int) -> None:
    failures = work.db.write(store.postpone, id, fence, 1.0)
    if failures >= MAX_FAILURES:
        work.db.write(fail, id, fence, internal())


def define(app: Celery, settings: CustomersSettings) -> None:
    """Adds the tasks to an application, and the look for due exports to its schedule."""

    def enqueue(id: UUID, fence: int) -> None:
        app.send_task(RUN, args=[str(id), fence])

    @task(app, TAKE, untraced=True)
    def take_exports() -> None:
        take(Work.of(settings, "customers"), settings, enqueue)

    # Longer than other tasks may take; the lease, not the broker, tells a live run from a dead one.
    @task(app, RUN, time_limit=LIMIT_SECONDS)
    def make_export(id: str, fence: int) -> None:
        run(Work.of(settings, "customers"), settings, UUID(id), fence)

    @task(app, EXPIRE, untraced=True)
    def expire_exports() -> None:
        Work.of(settings, "customers").db.write(commands.expire)

    for name in (TAKE, EXPIRE):
        app.conf.beat_schedule[name] = {
            "task": name,
            "schedule": settings.imports_every_seconds if name == TAKE else 30.0,
            "options": {"expires": 10},
        }
