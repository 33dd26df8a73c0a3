"""The composition root of integrations' work: tasks for a worker of all services, or one of its own.

`python -m integrations.worker` works and schedules for this service alone.
"""

from __future__ import annotations

from celery import Celery

from chassis import telemetry
from chassis.settings import load
from chassis.worker import celery
from integrations.settings import IntegrationsSettings
from integrations.sync import tasks


def register(app: Celery, settings: IntegrationsSettings) -> None:
    """Adds this service's tasks to a worker that may serve several services."""
    tasks.register(app, settings)


def main() -> None:
    """Work until told to stop; settings come from the environment."""
    settings = load(IntegrationsSettings, "integrations")
    telemetry.start("integrations-worker", settings)
    app = celery("integrations", settings)
    register(app, settings)
    # Threads, since a task mostly waits for a source.
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel=WARNING"]
    app.worker_main(["worker", "--beat", "--pool=threads", "--concurrency=4", *quiet])


if __name__ == "__main__":
    main()
