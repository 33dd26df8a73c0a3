"""Imports in the worker: beat leases due imports, a task absorbs one chunk.

The database decides everything. A task that lost its lease, is delivered twice, or comes late finds
that its fencing token or its chunk is no longer current, and does nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from uuid import UUID

from celery import Celery
from sqlalchemy.exc import DBAPIError

from chassis import telemetry
from chassis.actor import Actor
from chassis.errors import HuichiError, Unavailable, internal
from chassis.worker import Work, schedule, task
from customers.imports import store
from customers.imports.commands import chunk as commands
from customers.imports.commands.chunk import Step
from customers.imports.domain.import_job import MAX_FAILURES
from customers.imports.store import ImportRow
from customers.settings import CustomersSettings

log = logging.getLogger("huichi.customers.import")

TAKE = "customers.take_imports"
RUN = "customers.run_import_chunk"
FORGET = "customers.forget_files"
FILES_STAY_DAYS = 30
MOST_AT_ONCE = 4

Next = Callable[[UUID, int, int], None]


def take(work: Work, settings: CustomersSettings, enqueue: Next) -> int:
    """Lease and enqueue due imports, also those of a worker that died; return how many."""
    due = work.db.write(store.take_due, settings.import_lease_seconds, MOST_AT_ONCE)
    for row in due:
        with telemetry.span("import taken", parent=row.traceparent, import_id=str(row.id)):
            enqueue(row.id, row.fence, row.next_chunk)
    return len(due)


def run(
    work: Work, settings: CustomersSettings, id: UUID, fence: int, chunk: int, enqueue: Next
) -> Step:
    """Absorb one chunk and enqueue the next."""
    row = work.db.read(store.by_id, id)
    if row is None or row.fence != fence:
        return Step(False, chunk)
    try:
        step = _run(work, settings, row, fence, chunk)
    except HuichiError as problem:
        if isinstance(problem, Unavailable):
            work.db.write(store.postpone, id, fence, 2.0)
        else:
            work.db.write(commands.fail, id, fence, problem)
        return Step(False, chunk)
    except DBAPIError as problem:
        log.warning("import %s chunk %d waits: %s", id, chunk, type(problem.orig).__name__)
        _postpone(work, id, fence)
        return Step(False, chunk)
    except Exception:
        log.exception("import %s chunk %d failed", id, chunk)
        _postpone(work, id, fence)
        return Step(False, chunk)
    if step.more:
        enqueue(id, fence, step.next_chunk)
    return step


def _run(work: Work, settings: CustomersSettings, row: ImportRow, fence: int, chunk: int) -> Step:
    """Run one chunk under the rights that the user has now; without them the import ends."""
    guard = work.fresh_guard()
    scope = guard.allow(Actor(row.actor_id, None, row.locale), "Customer", "import")
    with telemetry.span("import chunk", import_id=str(row.id), import_chunk=chunk):
        return work.db.write(
            commands.run_chunk,
            scope,
            row.id,
            fence,
            chunk,
            guard.snapshot,
            settings.import_lease_seconds,
        )


def _postpone(work: Work, id: UUID, fence: int) -> None:
    """Make the import due again a little later, and end it after `MAX_FAILURES` in a row."""
    failures = work.db.write(store.postpone, id, fence, 1.0)
    if failures >= MAX_FAILURES:
        work.db.write(commands.fail, id, fence, internal())


def define(app: Celery, settings: CustomersSettings) -> None:
    """Add the tasks to an application, and the search for due imports to its schedule."""

    def enqueue(id: UUID, fence: int, chunk: int) -> None:
        app.send_task(RUN, args=[str(id), fence, chunk])

    @task(app, TAKE, untraced=True)
    def take_imports() -> None:
        take(Work.of(settings, "customers"), settings, enqueue)

    @task(app, RUN)
    def run_import_chunk(id: str, fence: int, chunk: int) -> None:
        run(Work.of(settings, "customers"), settings, UUID(id), fence, chunk, enqueue)

    @task(app, FORGET, untraced=True)
    def forget_files() -> None:
        Work.of(settings, "customers").db.write(store.prune, FILES_STAY_DAYS)

    def due() -> bool:
        return Work.of(settings, "customers").db.look(store.any_due)

    schedule(app, FORGET, 3600.0, expires=None)
    schedule(app, TAKE, settings.imports_every_seconds, due=due)
