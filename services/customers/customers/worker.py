"""The composition root of the worker: the tasks that a Celery process runs for customers."""

from __future__ import annotations

from celery import Celery

from chassis.settings import load
from chassis.worker import celery, route
from customers.exports import tasks as customer_export
from customers.handover import tasks as handover
from customers.imports import tasks as import_job
from customers.pool import tasks as upkeep
from customers.settings import CustomersSettings


def register(app: Celery, settings: CustomersSettings) -> None:
    """Add the tasks of customers to an application."""
    route(app, "customers")
    import_job.define(app, settings)
    customer_export.define(app, settings)
    upkeep.define(app, settings)
    handover.define(app, settings)


def create() -> Celery:
    """Create an application, for `celery -A customers.worker:create() worker -B`."""
    settings = load(CustomersSettings, "customers")
    app = celery("customers", settings)
    register(app, settings)
    return app
