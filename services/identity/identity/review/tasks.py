"""Scheduled task of access reviews: begin one when the settings say that it is due."""

from __future__ import annotations

from celery import Celery

from chassis.worker import Work, schedule, task
from identity.review.commands.access_review_begin import begin_if_due
from identity.settings import IdentitySettings

EVERY_SECONDS = 3600


def define(app: Celery, settings: IdentitySettings) -> None:
    """Register the task and its schedule; running twice at once does no harm."""

    @task(app, "identity.review_access", untraced=True, shared=False)
    def review_access() -> None:
        if months := settings.access_review_months:
            due_days = settings.access_review_due_days
            Work.of(settings, "identity").db.write(begin_if_due, months, due_days)

    name = "identity.review_access"
    schedule(app, name, EVERY_SECONDS, expires=None)
