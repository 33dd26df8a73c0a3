"""One Celery worker for all four services, with or without the scheduler.

`onebox up` and the containers run it.

`python -m onebox.worker work|beat READY_FILE`; settings come from HUICHI_* in the environment.
"""

from __future__ import annotations

import contextlib
import importlib
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import TypeGuard

from celery import Celery
from celery.beat import EmbeddedService
from celery.signals import worker_ready

from chassis import telemetry
from chassis.settings import Settings, load
from chassis.worker import celery
from onebox.house import SERVICES


def work(ready: Path, *, beat: bool) -> None:
    """Run a worker until SIGTERM; the file `ready` is created when it accepts tasks."""
    app = create_app("worker")

    @worker_ready.connect(weak=False)
    def create_ready_file(**_: object) -> None:
        ready.touch()

    scheduler = EmbeddedService(
        app, thread=True, max_interval=1, scheduler_cls=app.conf.beat_scheduler
    )
    if beat:
        scheduler.start()
    app.Worker(
        pool="threads",
        concurrency=4,
        queues=["worker", *SERVICES],
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        loglevel="WARNING",
        quiet=True,
    ).start()
    if beat:
        scheduler.stop()
    telemetry.stop()


def schedule(ready: Path) -> None:
    """Run only the scheduler until SIGTERM."""
    app = create_app("beat")
    scheduler = EmbeddedService(
        app, thread=True, max_interval=1, scheduler_cls=app.conf.beat_scheduler
    )
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    scheduler.start()
    ready.touch()
    ended.wait()
    scheduler.stop()
    telemetry.stop()


def create_app(name: str) -> Celery:
    """Create the application with the tasks of all services."""
    common = load(Settings, "identity")
    telemetry.start(name, common)
    app = celery("worker", common)
    for service in SERVICES:
        importlib.import_module(f"{service}.worker").register(app, settings_of(service))
    return app


def settings_of(service: str) -> Settings:
    """Return the settings of a service, read from the environment by its own class."""
    module = importlib.import_module(f"{service}.settings")
    kinds: list[type[Settings]] = [kind for kind in vars(module).values() if _is_settings(kind)]
    return load(kinds[0] if kinds else Settings, service)


def _is_settings(kind: object) -> TypeGuard[type[Settings]]:
    return isinstance(kind, type) and issubclass(kind, Settings) and kind is not Settings


def main() -> None:
    """Run the worker or the scheduler of a container."""
    command, ready = sys.argv[1], Path(sys.argv[2])
    with contextlib.suppress(FileNotFoundError):
        ready.unlink()
    if command == "beat":
        schedule(ready)
    else:
        work(ready, beat=False)


if __name__ == "__main__":
    main()
