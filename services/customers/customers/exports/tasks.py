"""Exports in the worker: beat leases due exports, a task makes one whole file.

A file is of one moment, so it is made in one go, and the lease is renewed after every batch:
revoking the export meanwhile stops it, and another worker takes over from one that died.
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
from chassis.worker import Work, schedule, task
from customers.exports.commands import decision as commands
from customers.exports.commands.file import RunSuperseded, store_file, write_file
from customers.exports.domain.customer_export import MAX_FAILURES
from customers.exports.store import customer_export as store, lease
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
    """Lease and enqueue due exports, also those of a worker that died; return how many."""
    due = work.db.write(lease.take_due, settings.import_lease_seconds, MOST_AT_ONCE)
    for row in due:
        with telemetry.span("export taken", parent=row.traceparent, export_id=str(row.id)):
            enqueue(row.id, row.fence)
    return len(due)


def run(work: Work, settings: CustomersSettings, id: UUID, leased: int) -> bool:
    """Make the file of one export under the leased fencing token; return whether it is READY."""
    fence = work.db.write(lease.begin, id, leased, settings.import_lease_seconds)
    row = work.db.read(store.by_id, id) if fence is not None else None
    if fence is None or row is None:
        return False
    try:
        with telemetry.span("export made", export_id=str(id)):
            return _make(work, settings, row, fence)
    except RunSuperseded:
        return False
    except Unavailable:
        work.db.write(lease.postpone, id, fence, 2.0)
    except HuichiError as problem:
        work.db.write(commands.fail, id, fence, problem)
    except DBAPIError as problem:
        log.warning("export %s waits: %s", id, type(problem.orig).__name__)
        _postpone(work, id, fence)
    except Exception:
        log.exception("export %s failed", id)
        _postpone(work, id, fence)
    return False


def _make(work: Work, settings: CustomersSettings, row: ExportRow, fence: int) -> bool:
    """Make the file under the rights that the requester has now, not those at the request."""
    permissions = work.fresh_guard().permissions(Actor(row.actor_id, None, row.locale))

    def alive(rows: int) -> bool:
        return work.db.write(lease.advance, row.id, fence, rows, settings.import_lease_seconds)

    def make(session: Session) -> bool:
        with write_file(session, permissions, row, settings.export_max_rows, alive) as file:
            return work.db.write(store_file, row.id, fence, file, permissions)

    return work.db.read(make)


def _postpone(work: Work, id: UUID, fence: int) -> None:
    failures = work.db.write(lease.postpone, id, fence, 1.0)
    if failures >= MAX_FAILURES:
        work.db.write(commands.fail, id, fence, internal())


def define(app: Celery, settings: CustomersSettings) -> None:
    """Add the tasks to an application, and the search for due exports to its schedule."""

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

    def due() -> bool:
        return Work.of(settings, "customers").db.look(lease.any_due)

    schedule(app, TAKE, settings.imports_every_seconds, due=due)
    schedule(app, EXPIRE, 30.0)
