"""The composition root of the worker: what a Celery process has to know to work for activities."""

from __future__ import annotations

from celery import Celery

from activities import tasks
from activities.settings import ActivitiesSettings
from chassis.settings import load
from chassis.worker import celery, route


def register(app: Celery, settings: ActivitiesSettings) -> None:
    """Add the tasks of activities to an application."""
    route(app, "activities")
    tasks.define(app, settings)


def create() -> Celery:
    """An application of its own, for `celery -A activities.worker:create() worker -B`."""
    settings = load(ActivitiesSettings, "activities")
    app = celery("activities", settings)
    register(app, settings)
    return app
