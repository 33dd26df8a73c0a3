"""What the worker does about tasks: look every few seconds whether the time of one has come.

There is no timer per task: a table that is looked at loses nothing when a broker or a worker dies.
"""

from __future__ import annotations

from celery import Celery

from activities.settings import ActivitiesSettings
from activities.tasks.commands import REMINDED_AT_ONCE, remind
from chassis.worker import Work, task

REMIND = "activities.remind"


def remind_all(work: Work) -> int:
    """Remind of everything that is due, a batch a transaction; answer how many there were."""
    reminded = batch = work.db.write(remind)
    while batch == REMINDED_AT_ONCE:
        batch = work.db.write(remind)
        reminded += batch
    return reminded


def define(app: Celery, settings: ActivitiesSettings) -> None:
    """Register the reminders, and when the scheduler rings for them."""

    def run() -> None:
        remind_all(Work.of(settings, "activities"))

    task(app, REMIND, untraced=True)(run)
    app.conf.beat_schedule[REMIND] = {
        "task": REMIND,
        "schedule": settings.remind_every_seconds,
        # A tick that waited longer than the next one is worth nothing.
        "options": {"expires": settings.remind_every_seconds},
    }
