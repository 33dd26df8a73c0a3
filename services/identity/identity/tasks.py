"""What identity does by the clock: new signing keys before the old grow stale, old sessions away,
access that ended written down, a review of access when one is due.
"""

from __future__ import annotations

from datetime import timedelta

from celery import Celery

from chassis.worker import Work, task
from identity.core.domain.seal import Seal
from identity.ledger.store import right_use
from identity.review.commands.access_review import begin_if_due
from identity.settings import DAY, IdentitySettings
from identity.sign_in.commands.session import delete_expired_sessions
from identity.sign_in.commands.signing_key import rotate_if_old
from identity.temporary.commands.access_end import remind, settle

EVERY_SECONDS = 3600
KEPT = timedelta(days=90)
SETTLE_SECONDS = 60
USES_KEPT_DAYS = 400


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
        Work.of(settings, "identity").db.write(delete_expired_sessions, KEPT)

    @task(app, "identity.settle_accesses", untraced=True, shared=False)
    def settle_accesses() -> None:
        db = Work.of(settings, "identity").db
        db.write(settle)
        db.write(remind)

    app.conf.beat_schedule["identity.settle_accesses"] = {
        "task": "identity.settle_accesses",
        "schedule": SETTLE_SECONDS,
    }

    @task(app, "identity.forget_uses", untraced=True, shared=False)
    def forget_uses() -> None:
        Work.of(settings, "identity").db.write(right_use.forget, USES_KEPT_DAYS)

    @task(app, "identity.review_access", untraced=True, shared=False)
    def review_access() -> None:
        if months := settings.access_review_months:
            due = settings.access_review_due_days
            Work.of(settings, "identity").db.write(begin_if_due, months, due)

    for name in (
        "identity.rotate_keys",
        "identity.forget_sessions",
        "identity.forget_uses",
        "identity.review_access",
    ):
        app.conf.beat_schedule[name] = {"task": name, "schedule": EVERY_SECONDS}
