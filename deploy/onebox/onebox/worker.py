"""One Celery worker for all four services, with or without the scheduler: for `onebox up` and containers.

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
    """Work on tasks until SIGTERM; `ready` appears when the first could be taken."""
    app = make("worker")

    @worker_ready.connect(weak=False)
    def say_so(**_: object) -> None:
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


def tick(ready: Path) -> None:
    """Only schedule, until SIGTERM."""
    app = make("beat")
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


def make(name: str) -> Celery:
    """Make the application that knows the tasks of all services."""
    common = load(Settings, "identity")
    telemetry.start(name, common)
    app = celery("worker", common)
    for service in SERVICES:
        importlib.import_module(f"{service}.worker").register(app, settings_of(service))
    return app


def settings_of(service: str) -> Settings:
    """Read the settings of a service by its own struct."""
    module = importlib.import_module(f"{service}.settings")
    kinds: list[type[Settings]] = [kind for kind in vars(module).values() if _is_settings(kind)]
    return load(kinds[0] if kinds else Settings, service)


def _is_settings(kind: object) -> TypeGuard[type[Settings]]:
    return isinstance(kind, type) and issubclass(kind, Settings) and kind is not Settings


def main() -> None:
    """Run as a container does."""
    what, ready = sys.argv[1], Path(sys.argv[2])
    with contextlib.suppress(FileNotFoundError):
        ready.unlink()
    if what == "beat":
        tick(ready)
    else:
        work(ready, beat=False)


if __name__ == "__main__":
    main()
