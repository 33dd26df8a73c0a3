"""Scheduled tasks of the ledger: forget old counts of used rights."""

from __future__ import annotations

from celery import Celery

from chassis.worker import Work, schedule, task
from identity.ledger.store import right_use
from identity.settings import IdentitySettings

EVERY_SECONDS = 3600
KEEP_USES_DAYS = 400


def define(app: Celery, settings: IdentitySettings) -> None:
    """Register the task and its schedule; running twice at once does no harm."""

    @task(app, "identity.forget_uses", untraced=True, shared=False)
    def forget_uses() -> None:
        Work.of(settings, "identity").db.write(right_use.forget, KEEP_USES_DAYS)

    name = "identity.forget_uses"
    schedule(app, name, EVERY_SECONDS, expires=None)
