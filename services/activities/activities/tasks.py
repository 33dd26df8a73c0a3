"""What the worker does for activities: look every few seconds whether a task's time has come, and
hand over the tasks of people who left.

There is no timer per task: a table that is looked at loses nothing when a broker or a worker dies.
"""

from __future__ import annotations

import time

from celery import Celery

from activities.commands import handover
from activities.commands.task import REMINDED_AT_ONCE, remind
from activities.settings import ActivitiesSettings
from activities.store import handover as handovers
from chassis.worker import Work, task

REMIND = "activities.remind"
HAND_OVER = "activities.hand_over"
HAND_OVER_EVERY_SECONDS = 2.0
TICK_SECONDS = 20.0


def remind_all(work: Work) -> int:
    """Remind of everything that is due, a batch a transaction; answer how many there were."""
    reminded = batch = work.db.write(remind)
    while batch == REMINDED_AT_ONCE:
        batch = work.db.write(remind)
        reminded += batch
    return reminded


def hand_over(work: Work, seconds: float = TICK_SECONDS) -> int:
    """Hand over batch after batch until nothing is left or the time is up; answer how many."""
    until, done = time.monotonic() + seconds, 0
    id = work.db.write(handovers.take_due)
    while id is not None:
        snapshot = work.fresh_guard().snapshot
        if snapshot is None:
            break  # who works where is not known yet; the next tick asks again
        more = work.db.write(handover.step, id, snapshot, time.time())
        done += more
        if time.monotonic() > until:
            break
        if not more:
            id = work.db.write(handovers.take_due)
    return done


def define(app: Celery, settings: ActivitiesSettings) -> None:
    """Register the tasks of this service, and when the scheduler rings for them."""

    def run() -> None:
        remind_all(Work.of(settings, "activities"))

    task(app, REMIND, untraced=True)(run)
    app.conf.beat_schedule[REMIND] = {
        "task": REMIND,
        "schedule": settings.remind_every_seconds,
        # A tick that waited longer than the next one is worth nothing.
        "options": {"expires": settings.remind_every_seconds},
    }

    @task(app, HAND_OVER, untraced=True)
    def hand_over_task() -> None:
        hand_over(Work.of(settings, "activities"))

    app.conf.beat_schedule[HAND_OVER] = {
        "task": HAND_OVER,
        "schedule": HAND_OVER_EVERY_SECONDS,
        "options": {"expires": 10},
    }
