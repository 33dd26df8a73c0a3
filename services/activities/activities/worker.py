"""The composition root of the worker: the Celery tasks of activities."""

from __future__ import annotations

from celery import Celery

from activities.handover import tasks as handover
from activities.notifications import tasks as notification
from activities.settings import ActivitiesSettings
from activities.tasks import tasks as task
from chassis.worker import route


def register(app: Celery, settings: ActivitiesSettings) -> None:
    """Register the tasks of activities with a Celery application."""
    route(app, "activities")
    task.define(app, settings)
    handover.define(app, settings)
    notification.define(app, settings)
