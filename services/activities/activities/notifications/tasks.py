"""Notifications also leave the house: one POST each to a program, or to a robot in a group chat.

Only what is for many leaves, and no name with it. What is not taken is sent again with growing pauses
for a day; what was seen to meanwhile is not sent at all. It may arrive twice, always with the same id.
"""

from __future__ import annotations

import json
import logging
import time

import requests
from celery import Celery
from urllib3.exceptions import HTTPError

from activities.notifications import commands as notification, store
from activities.notifications.domain.notification import text
from activities.notifications.domain.webhook import Target, post, taken
from activities.notifications.store import NotificationRow
from activities.settings import ActivitiesSettings
from chassis.db import SyncDatabase
from chassis.worker import Work, task

log = logging.getLogger("huichi.activities.notification")

SEND = "activities.send_notifications"
SEND_EVERY_SECONDS = 2.0
FORGET = "activities.forget_notifications"
FORGET_EVERY_SECONDS = 3600.0
TICK_SECONDS = 20.0
TIMEOUT = (3.0, 7.0)
LARGEST_ANSWER = 65_536


def send_due(db: SyncDatabase, settings: ActivitiesSettings, seconds: float = TICK_SECONDS) -> int:
    """Send what is due, one after the other; answer how many were taken."""
    target, until, taken_ = settings.notify_target, time.monotonic() + seconds, 0
    with requests.Session() as client:
        while target is not None and time.monotonic() < until:
            found = db.write(store.claim_unsent, settings.notified_kinds)
            if found is None:
                break
            if _send(client, target, found, settings.notify_language):
                db.write(store.sent, found.id)
                taken_ += 1
    return taken_


def _send(client: requests.Session, target: Target, row: NotificationRow, language: str) -> bool:
    request = post(target, _said(row, language), time.time())
    try:
        with client.post(
            request.url,
            data=request.body,
            headers=dict(request.headers),
            timeout=TIMEOUT,
            allow_redirects=False,
            stream=True,
        ) as response:
            status, answer = response.status_code, _answer(response)
    except (requests.RequestException, HTTPError, OSError) as problem:
        # The address holds a token, and so does the text of the problem.
        log.warning("notification %s was not sent: %s", row.id, type(problem).__name__)
        return False
    if not taken(target, status, answer):
        log.warning("notification %s was not taken: HTTP %s", row.id, status)
        return False
    return True


def _answer(response: requests.Response) -> object:
    body = response.raw.read(LARGEST_ANSWER, decode_content=True)
    try:
        answer: object = json.loads(body)
    except ValueError:
        return None
    return answer


def _said(row: NotificationRow, language: str) -> dict[str, object]:
    return {
        "id": str(row.id),
        "kind": row.kind.name,
        "text": text(row.kind, row.details, language),
        "about": str(row.about),
        "user": str(row.subject) if row.subject else None,
        "occurredAt": row.occurred_at.isoformat(),
    }


def define(app: Celery, settings: ActivitiesSettings) -> None:
    """Register sending, where there is somewhere to send to, and forgetting."""

    @task(app, FORGET, untraced=True)
    def forget() -> None:
        Work.of(settings, "activities").db.write(notification.forget)

    app.conf.beat_schedule[FORGET] = {"task": FORGET, "schedule": FORGET_EVERY_SECONDS}

    @task(app, SEND, untraced=True)
    def send() -> None:
        send_due(Work.of(settings, "activities").db, settings)

    if settings.notify_target and settings.notified_kinds:
        app.conf.beat_schedule[SEND] = {
            "task": SEND,
            "schedule": SEND_EVERY_SECONDS,
            "options": {"expires": 10},
        }
