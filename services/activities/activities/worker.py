"""The composition root of the worker: what a Celery process has to know to work for activities."""

from __future__ import annotations

from celery import Celery

from activities.handover import tasks as handover
from activities.notifications import tasks as notification
from activities.settings import ActivitiesSettings
from activities.tasks import tasks as task
from chassis.worker import route


def register(app: Celery, settings: ActivitiesSettings) -> None:
    """Add the tasks of activities to an application."""
    route(app, "activities")
    task.define(app, settings)
    handover.define(app, settings)
    notification.define(app, settings)
