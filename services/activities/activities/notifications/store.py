"""Notifications as rows: whom they are for, who has read them, and which were posted outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Column,
    ColumnElement,
    DateTime,
    Row,
    Select,
    Table,
    Text,
    Uuid,
    and_,
    delete,
    false,
    func,
    literal,
    or_,
    select,
    text,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Session

from activities.core.domain.ids import NotificationId, UserId
from activities.core.store.metadata import metadata
from activities.notifications.domain.notification import Kind
from chassis.api.paging import Order, Page, Window, page
from chassis.db import among
from chassis.policy.row_scopes import RowColumns
from chassis.policy.scope import Scope

COUNTED = 100
"""Counts stop here; a reader makes no difference between a hundred and a thousand."""

notification = Table(
    "notification",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("about", Uuid, nullable=False),
    Column("subject_id", Uuid),
    Column("department_id", Uuid),
    Column("addressee_id", Uuid),
    Column("details", JSONB, nullable=False),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("settled_at", DateTime(timezone=True)),
    Column("sent_at", DateTime(timezone=True)),
)
seen = Table(
    "notification_seen",
    metadata,
    Column("user_id", Uuid, primary_key=True),
    Column("notification_id", Uuid, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
# Whether a user may deal with a notification depends on the user it concerns, and on the department
# of that user when it happened.
_COLUMNS = RowColumns(owner=notification.c.subject_id, department=notification.c.department_id)


@dataclass(frozen=True, slots=True)
class NotificationRow:
    """A notification as one reader sees it.

    `about` is the id of the object of the notification, `subject` the user it concerns.
    """

    id: NotificationId
    kind: Kind
    about: UUID
    subject: UserId | None
    details: Mapping[str, Any]
    occurred_at: datetime
    settled_at: datetime | None
    read_at: datetime | None


@dataclass(frozen=True, slots=True)
class Inbox:
    """The notifications of one user.

    They are those addressed to the user, and those of a kind the user may deal with, within the
    row scope of that right; of the latter, those that concern the user are left out.
    """

    me: UserId
    scopes: Mapping[Kind, Scope]

    @property
    def condition(self) -> ColumnElement[bool]:
        """Return the inbox as one SQL condition."""
        return or_(notification.c.addressee_id == self.me, *self._for_many())

    def _for_many(self) -> list[ColumnElement[bool]]:
        about_me = notification.c.subject_id == self.me
        return [
            and_(
                notification.c.addressee_id.is_(None),
                notification.c.kind == kind.value,
                func.coalesce(about_me, false()).is_(False),
                scope.where(_COLUMNS),
            )
            for kind, scope in self.scopes.items()
        ]


def add(session: Session, values: Mapping[str, Any]) -> None:
    """Insert a notification; one whose id is stored already changes nothing."""
    session.execute(insert(notification).values(values).on_conflict_do_nothing())


def settle(session: Session, kind: Kind, about: UUID, to: UUID | None = None) -> None:
    """Mark notifications about an object as settled; with `to`, only those to this user."""
    unsettled = and_(
        notification.c.kind == kind.value,
        notification.c.about == about,
        notification.c.settled_at.is_(None),
        true() if to is None else notification.c.addressee_id == to,
    )
    session.execute(update(notification).where(unsettled).values(settled_at=func.now()))


def notifications_of(
    session: Session, inbox: Inbox, kinds: Sequence[Kind], unread_only: bool, window: Window
) -> Page[NotificationRow]:
    """Return a page of an inbox, the latest first."""
    matching = _of(inbox)
    if kinds:
        matching = matching.where(notification.c.kind.in_([kind.value for kind in kinds]))
    if unread_only:
        matching = matching.where(_UNREAD)
    order: Order = [(notification.c.occurred_at, "desc"), (notification.c.id, "desc")]
    return page(session, matching, order=order, window=window).map(
        lambda row: _row(row, row.read_at)
    )


def unread(session: Session, inbox: Inbox) -> int:
    """Return how many notifications are neither read nor settled, at most `COUNTED`."""
    unread_rows = _of(inbox).where(_UNREAD).limit(COUNTED).subquery()
    return int(session.execute(select(func.count()).select_from(unread_rows)).scalar_one())


def ids_in(session: Session, inbox: Inbox, ids: Sequence[NotificationId]) -> set[NotificationId]:
    """Filter ids to those of notifications in an inbox."""
    matching = _of(inbox).where(among(notification.c.id, ids))
    return {NotificationId(row.id) for row in session.execute(matching)}


def mark_read(session: Session, inbox: Inbox, ids: Sequence[NotificationId] | None) -> None:
    """Mark these notifications as read, or without ids all unread ones."""
    condition = _UNREAD if ids is None else among(notification.c.id, ids)
    marks = _of(inbox).where(condition).with_only_columns(literal(inbox.me), notification.c.id)
    statement = insert(seen).from_select(["user_id", "notification_id"], marks)
    session.execute(statement.on_conflict_do_nothing())


def mark_unread(session: Session, me: UserId, ids: Sequence[NotificationId]) -> None:
    """Remove a user's read marks from these notifications."""
    marks = and_(seen.c.user_id == me, among(seen.c.notification_id, ids))
    session.execute(delete(seen).where(marks))


_UNSENT = text(
    """
    UPDATE notification SET tries = tries + 1,
      send_after = now() + least(interval '10 seconds' * power(2, tries), interval '1 hour')
    WHERE id = (
      SELECT id FROM notification
      WHERE kind = ANY(:kinds) AND addressee_id IS NULL AND sent_at IS NULL AND settled_at IS NULL
        AND send_after <= now() AND occurred_at > now() - interval '1 day'
      ORDER BY send_after, id LIMIT 1 FOR UPDATE SKIP LOCKED
    ) RETURNING *
    """
)


def any_unsent(session: Session, kinds: Sequence[Kind]) -> bool:
    """Return whether `claim_unsent` would find a notification."""
    statement = text(
        "SELECT EXISTS (SELECT 1 FROM notification WHERE kind = ANY(:kinds) "
        "AND addressee_id IS NULL AND sent_at IS NULL AND settled_at IS NULL "
        "AND send_after <= now() AND occurred_at > now() - interval '1 day')"
    )
    kind_names = {"kinds": [kind.value for kind in kinds]}
    return bool(session.execute(statement, kind_names).scalar_one())


def claim_unsent(session: Session, kinds: Sequence[Kind]) -> NotificationRow | None:
    """Return the next notification to post outside, and schedule its next try.

    No other worker gets it before that; tries follow after 10 s, 20 s, 40 s, … up to an hour. The
    reader is no user but an outside program, so no scope filters it.
    """
    kind_names = {"kinds": [kind.value for kind in kinds]}
    row = session.execute(_UNSENT, kind_names).one_or_none()
    return _row(row, read_at=None) if row else None


def mark_sent(session: Session, id: NotificationId) -> None:
    """Record that a notification arrived outside."""
    posted = update(notification).where(notification.c.id == id)
    session.execute(posted.values(sent_at=func.now()))


def forget(session: Session, older: timedelta) -> int:
    """Delete notifications older than this; return their number."""
    expired = delete(notification).where(notification.c.occurred_at < func.now() - older)
    return len(session.execute(expired.returning(notification.c.id)).all())


_UNREAD = and_(seen.c.at.is_(None), notification.c.settled_at.is_(None))


def _of(inbox: Inbox) -> Select[Any]:
    mark = and_(seen.c.notification_id == notification.c.id, seen.c.user_id == inbox.me)
    return (
        select(notification, seen.c.at.label("read_at"))
        .join_from(notification, seen, mark, isouter=True)
        .where(inbox.condition)
    )


def _row(row: Row[Any], read_at: datetime | None) -> NotificationRow:
    return NotificationRow(
        id=NotificationId(row.id),
        kind=Kind(row.kind),
        about=row.about,
        subject=UserId(row.subject_id) if row.subject_id else None,
        details=row.details,
        occurred_at=row.occurred_at,
        settled_at=row.settled_at,
        read_at=read_at,
    )
