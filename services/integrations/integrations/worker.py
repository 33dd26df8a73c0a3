"""The composition root of integrations' work in a Celery worker."""

from __future__ import annotations

from celery import Celery

from chassis.settings import load
from chassis.worker import celery
from integrations import tasks
from integrations.settings import IntegrationsSettings


def register(app: Celery, settings: IntegrationsSettings) -> None:
    """Adds this service's tasks to a worker that may serve several services."""
    tasks.register(app, settings)


def make() -> Celery:
    """A worker of this service alone: `celery -A integrations.worker:make() worker -B`."""
    settings = load(IntegrationsSettings, "integrations")
    app = celery("integrations", settings)
    register(app, settings)
    return app
