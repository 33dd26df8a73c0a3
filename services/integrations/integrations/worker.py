"""The composition root of the worker: the tasks of this service, for a shared or an own worker.

`python -m integrations.worker` runs a worker and the scheduler for this service alone.
"""

from __future__ import annotations

from celery import Celery

from chassis import telemetry
from chassis.settings import load
from chassis.worker import celery
from integrations.settings import IntegrationsSettings
from integrations.sync import tasks


def register(app: Celery, settings: IntegrationsSettings) -> None:
    """Add this service's tasks to a worker that may serve several services."""
    tasks.register(app, settings)


def main() -> None:
    """Run until a signal stops the process; settings come from the environment."""
    settings = load(IntegrationsSettings, "integrations")
    telemetry.start("integrations-worker", settings)
    app = celery("integrations", settings)
    register(app, settings)
    # Threads, since a task mostly waits for a source.
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel=WARNING"]
    app.worker_main(["worker", "--beat", "--pool=threads", "--concurrency=4", *quiet])


if __name__ == "__main__":
    main()
