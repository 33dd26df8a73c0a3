"""Telling people of what waits for them, and their marking it as read."""

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
from chassis.stream import Received

KEPT = timedelta(days=180)


def tell(
    session: Session,
    fact: Received,
    kind: Kind,
    *,
    subject: UUID | None,
    department: UUID | None = None,
    to: UUID | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Tell of a fact: one person, or (`to` is None) whoever may do something about it. The fact's id
    is the notification's, so twice is as once."""
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
    """Mark these as read, or without ids all that are unread; answer how many are unread now."""
    _refuse_others(session, inbox, ids or ())
    store.mark_read(session, inbox, ids)
    return store.unread(session, inbox)


def mark_unread(session: Session, inbox: Inbox, ids: Sequence[NotificationId]) -> int:
    """Take the marks away again; answer how many are unread now."""
    _refuse_others(session, inbox, ids)
    store.mark_unread(session, inbox.me, ids)
    return store.unread(session, inbox)


def _refuse_others(session: Session, inbox: Inbox, ids: Sequence[NotificationId]) -> None:
    known = store.theirs(session, inbox, ids)
    for id in ids:
        if id not in known:
            raise NotFound(
                f"No notification {id} exists for you.", f"未找到您的通知 {id}。", field="ids"
            )


def forget(session: Session) -> int:
    """Remove what is half a year old; answer how much."""
    return store.forget(session, KEPT)
