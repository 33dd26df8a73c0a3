"""The worker's job for handovers: reassign the open tasks of users who leave, in batches."""

from __future__ import annotations

import time

from celery import Celery

from activities.handover import commands as handover, store as handovers
from activities.settings import ActivitiesSettings
from chassis.worker import Work, schedule, task

HAND_OVER = "activities.hand_over"
EVERY_SECONDS = 5.0
TICK_SECONDS = 20.0


def hand_over(work: Work, seconds: float = TICK_SECONDS) -> int:
    """Hand over batches for at most `seconds`; return the number of batches."""
    until, done = time.monotonic() + seconds, 0
    id = work.db.write(handovers.next_due)
    while id is not None:
        snapshot = work.fresh_guard().snapshot
        if snapshot is None:
            break  # no policy was loaded yet; the next tick tries again
        may_have_more = work.db.write(handover.step, id, snapshot, time.time())
        done += may_have_more
        if time.monotonic() > until:
            break
        if not may_have_more:
            id = work.db.write(handovers.next_due)
    return done


def define(app: Celery, settings: ActivitiesSettings) -> None:
    """Register the handover task and its schedule."""

    @task(app, HAND_OVER, untraced=True)
    def hand_over_task() -> None:
        hand_over(Work.of(settings, "activities"))

    def due() -> bool:
        return Work.of(settings, "activities").db.look(handovers.any_due)

    schedule(app, HAND_OVER, EVERY_SECONDS, due=due)
