"""The Celery worker. Celery only triggers work; PostgreSQL holds it: a task does what is due there.

Losing the broker loses no job: every job row has a lease, and beat triggers expired ones again.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import redis
from celery import Celery
from celery.beat import Scheduler
from celery.signals import (
    before_task_publish,
    setup_logging,
    task_postrun,
    task_prerun,
    worker_process_shutdown,
)
from opentelemetry.trace import SpanKind

from chassis import sql_spans, telemetry
from chassis.db import SyncDatabase
from chassis.policy import feed
from chassis.policy.guard import Guard
from chassis.settings import Settings

log = logging.getLogger("huichi.chassis.worker")

SHORTEST_SLEEP = 0.02
HARD_LIMIT_SECONDS = 120
# Above the hard limit: a task that outlived it would run twice at the same time.
VISIBILITY_SECONDS = 180


def celery(name: str, settings: Settings) -> Celery:
    """Return a Celery application on Valkey: JSON only, late acknowledgement, no results."""
    app = Celery(name, broker=settings.redis_url)
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_time_limit=HARD_LIMIT_SECONDS,
        task_default_queue=name,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            "visibility_timeout": VISIBILITY_SECONDS,
            # With the defaults a killed worker's task came back after 101 s, with these after 10.
            "unacked_restore_interval": 10,
            "unacked_restore_throttle": 1,
            "socket_keepalive": True,
        },
        beat_schedule={},
        # Beat only triggers polls of tables where work is claimed under locks, so two beats do no
        # harm and there is no schedule to keep in a file.
        beat_scheduler="chassis.worker:DueScheduler",
        due_checks={},
        beat_max_loop_interval=1,
        timezone="UTC",
        enable_utc=True,
    )
    return app


def route(app: Celery, service: str) -> None:
    """Route every task named `<service>.…` to the queue of that service."""
    routes = dict(app.conf.task_routes or {})
    routes[f"{service}.*"] = {"queue": service}
    app.conf.task_routes = routes


def schedule(
    app: Celery,
    name: str,
    seconds: float,
    *,
    expires: float | None = 10.0,
    due: Callable[[], bool] | None = None,
) -> None:
    """Let beat enqueue a task every so many seconds; with `due`, only where that returns true.

    `due` is one cheap query in the scheduler: a task that finds nothing to do costs a message, a
    worker and a transaction, every second of every day. A message that no worker took within
    `expires` seconds is dropped, for a later one does the same work.
    """
    options = {} if expires is None else {"expires": expires}
    app.conf.beat_schedule[name] = {"task": name, "schedule": seconds, "options": options}
    if due is not None:
        app.conf.due_checks[name] = due


class DueScheduler(Scheduler):  # type: ignore[misc]  # Celery has no types
    """Beat that asks a task's table before it enqueues the task."""

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Enqueue one due entry and return the seconds until the next look.

        Celery's own answer is 10 ms short of the next entry, and a loop that sleeps for nothing
        turns round until then: ten milliseconds of a core for every entry that is due.
        """
        return max(float(super().tick(*args, **kwargs)), SHORTEST_SLEEP)

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        """Enqueue the task of an entry, unless its check says that nothing is due.

        A check that fails counts as due: the task will report the failure where tasks do.
        """
        check = self.app.conf.due_checks.get(entry.name)
        try:
            is_due = check is None or check()
        except Exception as problem:
            log.warning("%s: what is due is unknown: %s", entry.name, type(problem).__name__)
            is_due = True
        if is_due:
            super().apply_entry(entry, producer=producer)


@dataclass
class Work:
    """The resources of a task; made once per process and database, after any fork."""

    settings: Settings
    db: SyncDatabase
    redis: redis.Redis
    guard: Guard

    _made: ClassVar[dict[tuple[int, str], Work]] = {}
    _lock: ClassVar[threading.Lock] = threading.Lock()

    @classmethod
    def of(cls, settings: Settings, service: str = "worker") -> Work:
        """Return the resources of this process for a service."""
        key = (os.getpid(), settings.database_url)
        with cls._lock:
            if key not in cls._made:
                db = SyncDatabase(settings.database_url, application=f"{service}-worker")
                sql_spans.watch(db.engine)
                cls._made[key] = cls(
                    settings,
                    db,
                    redis.Redis.from_url(settings.redis_url, socket_timeout=10),
                    Guard(secret=settings.mask_secret),
                )
            return cls._made[key]

    def fresh_guard(self) -> Guard:
        """Return the guard with the policy that is published now."""
        feed.catch_up_now(self.redis, self.guard)
        return self.guard


# One span per task; it continues the trace of the code that enqueued it.
_spans: dict[str, Any] = {}


@before_task_publish.connect
def _carry(headers: dict[str, Any] | None = None, **_: Any) -> None:
    parent = telemetry.traceparent()
    if headers is not None and parent:
        headers["traceparent"] = parent


@task_prerun.connect
def _open(task_id: str = "", task: Any = None, **_: Any) -> None:
    if getattr(task, "untraced", False):
        return
    parent = getattr(task.request, "traceparent", None)
    span = telemetry.span(f"task {task.name}", kind=SpanKind.CONSUMER, parent=parent)
    span.__enter__()
    _spans[task_id] = span


@task_postrun.connect
def _close(task_id: str = "", **_: Any) -> None:
    span = _spans.pop(task_id, None)
    if span is not None:
        span.__exit__(None, None, None)


@setup_logging.connect
def _keep_our_logs(**_: Any) -> None:
    """Keep the JSON logs: a connected handler stops Celery from configuring its own."""


@worker_process_shutdown.connect
def _flush(**_: Any) -> None:
    telemetry.stop()


def task(app: Celery, name: str, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Return the decorator that registers a task under `<service>.<verb>` with one application.

    Where several applications share a process, Celery would otherwise register each task with all
    of them, and the first one would win. `untraced=True` is for periodic polls.
    """
    return app.task(name=name, **{"shared": False} | options)  # type: ignore[no-any-return]
