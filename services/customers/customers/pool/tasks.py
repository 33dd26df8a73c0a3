"""Background upkeep of the pool: continue re-elections and end pins that ran out."""

from __future__ import annotations

from celery import Celery

from chassis.worker import Work, schedule, task
from customers.pool.commands import survivorship
from customers.settings import CustomersSettings

UPKEEP = "customers.keep_up"
EVERY_SECONDS = 5.0
STEPS = 20


def keep_up(work: Work) -> None:
    """Do a bounded part of what is due; the next tick continues."""
    for _ in range(STEPS):
        _, more = work.db.write(survivorship.reelect_batch)
        if not more:
            break
    work.db.write(survivorship.settle_pins)


def define(app: Celery, settings: CustomersSettings) -> None:
    """Add the upkeep task to an application and its schedule."""

    @task(app, UPKEEP, untraced=True)
    def keep_up_task() -> None:
        keep_up(Work.of(settings, "customers"))

    def due() -> bool:
        return Work.of(settings, "customers").db.read(survivorship.any_upkeep)

    schedule(app, UPKEEP, EVERY_SECONDS, due=due)
