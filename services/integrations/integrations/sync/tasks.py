"""Two stateless tasks: start the runs that are due, and advance one run by one time slice."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from celery import Celery

from chassis import worker
from integrations.settings import IntegrationsSettings
from integrations.sync.commands import sync_run as runs
from integrations.sync.services import trace
from integrations.sync.services.engine import advance
from integrations.sync.services.runtime import SyncRuntime, sync_runtime

SERVICE = "integrations"
ADVANCE = "integrations.advance"
TICK = "integrations.tick"
EVERY_SECONDS = 1.0


def register(app: Celery, settings: IntegrationsSettings) -> None:
    """Add the tasks and the beat entry to a Celery application."""

    @worker.task(app, ADVANCE, untraced=True)
    def advance_run(run: str) -> None:
        if advance(sync_runtime(settings), UUID(run)):
            send(app, run)

    @worker.task(app, TICK, untraced=True)
    def tick() -> None:
        for run in due(sync_runtime(settings)):
            send(app, str(run))

    worker.route(app, SERVICE)

    def anything_due() -> bool:
        return sync_runtime(settings).db.look(runs.any_work)

    # A tick that no worker took in time is useless: the next one finds the same runs.
    worker.schedule(app, TICK, EVERY_SECONDS, expires=5.0, due=anything_due)


def send(app: Any, run: str) -> None:
    """Call a worker for a run; when the message is lost, a later tick calls again."""
    app.send_task(ADVANCE, args=[run], queue=SERVICE)


def due(runtime: SyncRuntime) -> list[UUID]:
    """Start the scheduled runs that are due, and return every run that waits for a worker."""
    if runtime.db.read(runs.any_installation_due):
        runtime.db.write(runs.schedule_due, trace.new_run)
    if not runtime.db.read(runs.any_run_waiting):
        return []
    return runtime.db.write(runs.take_waiting)
