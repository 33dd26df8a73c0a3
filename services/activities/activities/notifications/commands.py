"""Commands on notifications: create one from a fact, mark as read or unread, remove old ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from activities.core.domain.ids import NotificationId
from activities.notifications import store
from activities.notifications.domain.notification import Kind
from activities.notifications.store import Inbox
from chassis.errors import NotFound
from chassis.facts.stream import Received

RETENTION = timedelta(days=180)


def notify(
    session: Session,
    fact: Received,
    kind: Kind,
    *,
    subject: UUID | None,
    department: UUID | None = None,
    to: UUID | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Add the notification of a fact, to one user or (`to` is `None`) to all who may deal with it.

    The notification has the id of the fact, so a fact that arrives twice notifies once.
    """
    store.add(
        session,
        {
            "id": fact.id,
            "kind": kind.value,
            "about": UUID(fact.subject),
            "subject_id": subject,
            "department_id": department,
            "addressee_id": to,
            "details": dict(details or {}),
            "occurred_at": fact.at,
        },
    )


def mark_read(session: Session, inbox: Inbox, ids: Sequence[NotificationId] | None) -> int:
    """Mark notifications, or without ids all unread ones, as read; return how many are unread."""
    _refuse_others(session, inbox, ids or ())
    store.mark_read(session, inbox, ids)
    return store.unread(session, inbox)


def mark_unread(session: Session, inbox: Inbox, ids: Sequence[NotificationId]) -> int:
    """Mark notifications as unread; return how many are unread now."""
    _refuse_others(session, inbox, ids)
    store.mark_unread(session, inbox.me, ids)
    return store.unread(session, inbox)


def _refuse_others(session: Session, inbox: Inbox, ids: Sequence[NotificationId]) -> None:
    own = store.ids_in(session, inbox, ids)
    for id in ids:
        if id not in own:
            raise NotFound(
                f"ids: {id} is not one of your notifications.",
                f"ids：{id} 不是您的通知。",
                field="ids",
            )


def forget(session: Session) -> int:
    """Delete notifications past their retention; return their number."""
    return store.forget(session, RETENTION)
