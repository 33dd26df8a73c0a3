"""The composition root of the worker: the tasks of identity and their Celery application."""

from __future__ import annotations

from celery import Celery

from chassis.settings import load
from chassis.worker import celery, route
from identity.ledger import tasks as ledger
from identity.review import tasks as review
from identity.settings import IdentitySettings
from identity.sign_in import tasks as sign_in
from identity.temporary import tasks as temporary


def register(app: Celery, settings: IdentitySettings) -> None:
    """Add the tasks of every capability to an application."""
    route(app, "identity")
    for tasks in (sign_in, ledger, temporary, review):
        tasks.define(app, settings)


def create() -> Celery:
    """Create the application for `celery -A identity.worker:create() worker -B`."""
    settings = load(IdentitySettings, "identity")
    app = celery("identity", settings)
    register(app, settings)
    return app
