"""Notifications are also posted outside: one POST each to a program or to a robot in a group chat.

Only kinds that are not for a single user are posted, and without any name. What is not accepted is
posted again with growing pauses for a day; what was settled meanwhile is not posted at all. A
notification may arrive twice, always with the same id.
"""

from __future__ import annotations

import json
import logging
import time

import requests
from celery import Celery
from urllib3.exceptions import HTTPError

from activities.notifications import commands as notification, store
from activities.notifications.domain.notification import ANSWERED_BY, Kind, text
from activities.notifications.domain.webhook import Format, Target, accepted, post
from activities.notifications.store import NotificationRow
from activities.settings import ActivitiesSettings
from chassis.db import SyncDatabase
from chassis.settings import BadSettings
from chassis.worker import Work, schedule, task

log = logging.getLogger("huichi.activities.notification")

SEND = "activities.send_notifications"
SEND_EVERY_SECONDS = 2.0
FORGET = "activities.forget_notifications"
FORGET_EVERY_SECONDS = 3600.0
TICK_SECONDS = 20.0
TIMEOUT = (3.0, 7.0)
LARGEST_ANSWER = 65_536


def target_of(settings: ActivitiesSettings) -> Target | None:
    """Return where notifications are posted to, or `None` if they are not."""
    if settings.notify_url is None:
        return None
    return Target(settings.notify_url, Format(settings.notify_format), settings.notify_secret)


def kinds_of(settings: ActivitiesSettings) -> tuple[Kind, ...]:
    """Return the kinds of notifications to post. Raise `BadSettings` for an unknown one."""
    kinds = {kind.name: kind for kind in ANSWERED_BY}
    names = settings.notify_kinds.replace(",", " ").split()
    if unknown := [name for name in names if name not in kinds]:
        raise BadSettings(
            f"HUICHI_ACTIVITIES_NOTIFY_KINDS: {unknown[0]} is none of {', '.join(sorted(kinds))}"
        )
    return tuple(kinds[name] for name in names)


def send_due(db: SyncDatabase, settings: ActivitiesSettings, seconds: float = TICK_SECONDS) -> int:
    """Post due notifications one after the other for at most `seconds`; return how many arrived."""
    target = target_of(settings)
    kinds = kinds_of(settings) if target else ()
    until, accepted_count = time.monotonic() + seconds, 0
    with requests.Session() as client:
        while target is not None and time.monotonic() < until:
            row = db.write(store.claim_unsent, kinds)
            if row is None:
                break
            if _send(client, target, row, settings.notify_language):
                db.write(store.mark_sent, row.id)
                accepted_count += 1
    return accepted_count


def _send(client: requests.Session, target: Target, row: NotificationRow, language: str) -> bool:
    request = post(target, _content(row, language), time.time())
    try:
        with client.post(
            request.url,
            data=request.body,
            headers=dict(request.headers),
            timeout=TIMEOUT,
            allow_redirects=False,
            stream=True,
        ) as response:
            status, body = response.status_code, _json_of(response)
    except (requests.RequestException, HTTPError, OSError) as problem:
        # The address holds a token, and so does the text of the problem.
        log.warning("notification %s was not sent: %s", row.id, type(problem).__name__)
        return False
    if not accepted(target, status, body):
        log.warning("notification %s was not accepted: HTTP %s", row.id, status)
        return False
    return True


def _json_of(response: requests.Response) -> object:
    content = response.raw.read(LARGEST_ANSWER, decode_content=True)
    try:
        body: object = json.loads(content)
    except ValueError:
        return None
    return body


def _content(row: NotificationRow, language: str) -> dict[str, object]:
    return {
        "id": str(row.id),
        "kind": row.kind.name,
        "text": text(row.kind, row.details, language),
        "about": str(row.about),
        "user": str(row.subject) if row.subject else None,
        "occurredAt": row.occurred_at.isoformat(),
    }


def define(app: Celery, settings: ActivitiesSettings) -> None:
    """Register posting, where a target is configured, and the removal of old notifications."""

    @task(app, FORGET, untraced=True)
    def forget() -> None:
        Work.of(settings, "activities").db.write(notification.forget)

    schedule(app, FORGET, FORGET_EVERY_SECONDS, expires=None)

    @task(app, SEND, untraced=True)
    def send() -> None:
        send_due(Work.of(settings, "activities").db, settings)

    if target_of(settings) and (kinds := kinds_of(settings)):

        def due() -> bool:
            return Work.of(settings, "activities").db.look(
                lambda session: store.any_unsent(session, kinds)
            )

        schedule(app, SEND, SEND_EVERY_SECONDS, due=due)
