"""Two tasks: look who is due, and advance one run by one slice. Neither owns any state."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from celery import Celery

from chassis import worker
from integrations.settings import IntegrationsSettings
from integrations.sync.commands import sync_run as runs
from integrations.sync.services import trace
from integrations.sync.services.engine import advance
from integrations.sync.services.surroundings import Surroundings, surroundings

SERVICE = "integrations"
ADVANCE = "integrations.advance"
TICK = "integrations.tick"
EVERY_SECONDS = 1.0


def register(app: Celery, settings: IntegrationsSettings) -> None:
    """Adds the tasks and the beat entry to a Celery application."""

    @worker.task(app, ADVANCE, untraced=True)
    def advance_run(run: str) -> None:
        if advance(surroundings(settings), UUID(run)):
            send(app, run)

    @worker.task(app, TICK, untraced=True)
    def tick() -> None:
        for run in due(surroundings(settings)):
            send(app, str(run))

    worker.route(app, SERVICE)
    app.conf.beat_schedule = {
        **app.conf.beat_schedule,
        TICK: {
            "task": TICK,
            "schedule": EVERY_SECONDS,
            # A tick that nobody took in time is of no use: the next one sees the same.
            "options": {"expires": 5},
        },
    }


def send(app: Any, run: str) -> None:
    """Rings for a worker; when nobody hears, the next tick rings again."""
    app.send_task(ADVANCE, args=[run], queue=SERVICE)


def due(around: Surroundings) -> list[UUID]:
    """Starts what the schedules ask for, and names every run that waits for a worker."""
    if around.db.read(runs.anything_scheduled):
        around.db.write(runs.schedule_due, trace.new_run)
    if not around.db.read(runs.anything_waiting):
        return []
    return around.db.write(runs.ring)
