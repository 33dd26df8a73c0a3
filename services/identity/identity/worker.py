"""The composition root of the worker: what a Celery process has to know to work for identity."""

from __future__ import annotations

from celery import Celery

from chassis.settings import load
from chassis.worker import celery, route
from identity import tasks
from identity.settings import IdentitySettings


def register(app: Celery, settings: IdentitySettings) -> None:
    """Add the tasks of identity to an application."""
    route(app, "identity")
    tasks.define(app, settings)


def create() -> Celery:
    """An application of its own, for `celery -A identity.worker:create() worker -B`."""
    settings = load(IdentitySettings, "identity")
    app = celery("identity", settings)
    register(app, settings)
    return app
