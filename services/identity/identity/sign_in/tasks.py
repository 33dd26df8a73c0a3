"""Scheduled tasks of sign-in: rotate old signing keys, forget expired sessions."""

from __future__ import annotations

from datetime import timedelta

from celery import Celery

from chassis.worker import Work, schedule, task
from identity.core.domain.seal import Seal
from identity.settings import DAY, IdentitySettings
from identity.sign_in.commands.session import delete_expired_sessions
from identity.sign_in.commands.signing_key import rotate_if_old

EVERY_SECONDS = 3600
KEEP_SESSIONS = timedelta(days=90)


def define(app: Celery, settings: IdentitySettings) -> None:
    """Register the tasks and their schedule; a task that runs twice at once does no harm."""

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
        Work.of(settings, "identity").db.write(delete_expired_sessions, KEEP_SESSIONS)

    for name in ("identity.rotate_keys", "identity.forget_sessions"):
        schedule(app, name, EVERY_SECONDS, expires=None)
