"""What the pool does by itself: going on with re-elections, ending pins, forgetting old files."""

from __future__ import annotations

from celery import Celery

from chassis.worker import Work, task
from customers.imports import store as import_job
from customers.pool.commands import survivorship
from customers.settings import CustomersSettings

UPKEEP = "customers.keep_up"
FORGET = "customers.forget_files"
EVERY_SECONDS = 5.0
STEPS = 20
FILES_STAY_DAYS = 30


def keep_up(work: Work) -> None:
    """A bounded part of what is due; the next tick goes on."""
    for _ in range(STEPS):
        _, more = work.db.write(survivorship.step)
        if not more:
            break
    work.db.write(survivorship.settle_pins)


def define(app: Celery, settings: CustomersSettings) -> None:
    """Adds the tasks to an application and its schedule."""

    @task(app, UPKEEP, untraced=True)
    def keep_up_task() -> None:
        keep_up(Work.of(settings, "customers"))

    @task(app, FORGET, untraced=True)
    def forget_files() -> None:
        Work.of(settings, "customers").db.write(import_job.prune, FILES_STAY_DAYS)

    app.conf.beat_schedule[UPKEEP] = {
        "task": UPKEEP,
        "schedule": EVERY_SECONDS,
        "options": {"expires": 10},
    }
    app.conf.beat_schedule[FORGET] = {"task": FORGET, "schedule": 3600.0}
