"""Handovers in the worker: each tick of beat continues due handovers for some seconds."""

from __future__ import annotations

import time

from celery import Celery

from chassis.worker import Work, schedule, task
from customers.handover import commands, store
from customers.settings import CustomersSettings

HAND_OVER = "customers.hand_over"
EVERY_SECONDS = 5.0
TICK_SECONDS = 20.0


def hand_over(work: Work, seconds: float = TICK_SECONDS) -> int:
    """Hand over batch after batch until none is left or the time is up; return how many batches."""
    until, done = time.monotonic() + seconds, 0
    id = work.db.write(store.take_due)
    while id is not None:
        snapshot = work.fresh_guard().snapshot
        if snapshot is None:
            break  # there is no policy yet, so the users are unknown; the next tick tries again
        more = work.db.write(commands.hand_over_batch, id, snapshot, time.time())
        done += more
        if time.monotonic() > until:
            break
        if not more:
            id = work.db.write(store.take_due)
    return done


def define(app: Celery, settings: CustomersSettings) -> None:
    """Add the task to an application and its schedule."""

    @task(app, HAND_OVER, untraced=True)
    def hand_over_task() -> None:
        hand_over(Work.of(settings, "customers"))

    def due() -> bool:
        return Work.of(settings, "customers").db.look(store.any_due)

    schedule(app, HAND_OVER, EVERY_SECONDS, due=due)
