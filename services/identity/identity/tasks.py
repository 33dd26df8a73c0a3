"""What identity does by the clock: new signing keys before the old grow stale, old sessions away."""

from __future__ import annotations

from datetime import timedelta

from celery import Celery

from chassis.worker import Work, task
from identity.commands.session import forget_expired
from identity.commands.signing_key import rotate_if_old
from identity.domain.seal import Seal
from identity.settings import DAY, IdentitySettings

EVERY_SECONDS = 3600
KEPT = timedelta(days=90)


def define(app: Celery, settings: IdentitySettings) -> None:
    """Register the tasks and when they are due; each may run twice at once and does no harm."""

    @task(app, "identity.rotate_keys", untraced=True, shared=False)
    def rotate_keys() -> None:
        Work.of(settings, "identity").db.write(
            rotate_if_old,
            Seal(settings.secret),
            timedelta(seconds=settings.access_token_seconds),
            timedelta(seconds=settings.signing_key_days * DAY),
        )

    @task(app, "identity.forget_sessions", untraced=True, shared=False)
    def forget_sessions() -> None:
        Work.of(settings, "identity").db.write(forget_expired, KEPT)

    for name in ("identity.rotate_keys", "identity.forget_sessions"):
        app.conf.beat_schedule[name] = {"task": name, "schedule": EVERY_SECONDS}
