"""The worker's job for tasks: check every few seconds which ones are due.

There is no timer per task: a table that is polled loses nothing when a broker or a worker dies.
"""

from __future__ import annotations

from celery import Celery

from activities.settings import ActivitiesSettings
from activities.tasks.commands import REMINDED_AT_ONCE, remind
from activities.tasks.store import task as store
from chassis.worker import Work, schedule, task

REMIND = "activities.remind"


def remind_all(work: Work) -> int:
    """Remind of all due tasks, one batch per transaction; return their number."""
    reminded = batch = work.db.write(remind)
    while batch == REMINDED_AT_ONCE:
        batch = work.db.write(remind)
        reminded += batch
    return reminded


def define(app: Celery, settings: ActivitiesSettings) -> None:
    """Register the reminder task and its schedule."""

    def run() -> None:
        remind_all(Work.of(settings, "activities"))

    task(app, REMIND, untraced=True)(run)

    def due() -> bool:
        return Work.of(settings, "activities").db.look(store.any_due)

    seconds = settings.remind_every_seconds
    schedule(app, REMIND, seconds, expires=seconds, due=due)
