"""Scheduled tasks of temporary access: settle access that ended, announce access that ends soon."""

from __future__ import annotations

from celery import Celery

from chassis.worker import Work, schedule, task
from identity.settings import IdentitySettings
from identity.temporary.commands.access_end import remind, settle

EVERY_SECONDS = 60


def define(app: Celery, settings: IdentitySettings) -> None:
    """Register the task and its schedule; running twice at once does no harm."""

    @task(app, "identity.settle_accesses", untraced=True, shared=False)
    def settle_accesses() -> None:
        db = Work.of(settings, "identity").db
        db.write(settle)
        db.write(remind)

    name = "identity.settle_accesses"
    schedule(app, name, EVERY_SECONDS, expires=None)
