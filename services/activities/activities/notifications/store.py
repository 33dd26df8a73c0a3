"""Notifications as rows, who they are for, which of them somebody has seen, and which left the house."""

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
from chassis.api.paging import Page, Window, page
from chassis.db import among
from chassis.policy.guard import RowColumns, Scope

COUNTED = 100
"""Nobody reads the difference between a hundred and a thousand."""

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
# What somebody may do something about is a question of whom it concerns, and of their department
# when it happened.
_COLUMNS = RowColumns(owner=notification.c.subject_id, department=notification.c.department_id)


@dataclass(frozen=True, slots=True)
class NotificationRow:
    """One notification as one reader has it. `about` is the id of what it tells of, `subject` the
    user it concerns."""

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
    """Whose notifications: those addressed to this person, and those of a kind that they may do
    something about, within the rows of that right. Nothing about themselves is among the latter."""

    me: UserId
    scopes: Mapping[Kind, Scope]

    @property
    def mine(self) -> ColumnElement[bool]:
        """As one SQL condition."""
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


def add(session: Session, given: Mapping[str, Any]) -> None:
    """Tell of something; told again with the same id it is told once."""
    session.execute(insert(notification).values(given).on_conflict_do_nothing())


def settle(session: Session, kind: Kind, about: UUID, to: UUID | None = None) -> None:
    """What waited for somebody waits no longer; with `to` for this person only."""
    waits = and_(
        notification.c.kind == kind.value,
        notification.c.about == about,
        notification.c.settled_at.is_(None),
        true() if to is None else notification.c.addressee_id == to,
    )
    session.execute(update(notification).where(waits).values(settled_at=func.now()))


def listed(
    session: Session, inbox: Inbox, kinds: Sequence[Kind], unread_only: bool, window: Window
) -> Page[NotificationRow]:
    """A page of somebody's notifications, the latest first."""
    wanted = _of(inbox)
    if kinds:
        wanted = wanted.where(notification.c.kind.in_([kind.value for kind in kinds]))
    if unread_only:
        wanted = wanted.where(_UNREAD)
    order = [(notification.c.occurred_at, "desc"), (notification.c.id, "desc")]
    found = page(session, wanted, order=order, window=window)  # type: ignore[arg-type]  # literals
    return Page(
        [_row(one, one.read_at) for one in found.rows],
        found.cursors,
        found.has_next,
        found.has_previous,
    )


def unread(session: Session, inbox: Inbox) -> int:
    """How many were neither read nor settled, up to `COUNTED`."""
    some = _of(inbox).where(_UNREAD).limit(COUNTED).subquery()
    return int(session.execute(select(func.count()).select_from(some)).scalar_one())


def theirs(session: Session, inbox: Inbox, ids: Sequence[NotificationId]) -> set[NotificationId]:
    """Those of these ids that are somebody's."""
    some = _of(inbox).where(among(notification.c.id, ids))
    return {NotificationId(one.id) for one in session.execute(some)}


def mark_read(session: Session, inbox: Inbox, ids: Sequence[NotificationId] | None) -> None:
    """These are read, or without ids all that are unread; twice is as once."""
    some = _UNREAD if ids is None else among(notification.c.id, ids)
    theirs = _of(inbox).where(some).with_only_columns(literal(inbox.me), notification.c.id)
    statement = insert(seen).from_select(["user_id", "notification_id"], theirs)
    session.execute(statement.on_conflict_do_nothing())


def mark_unread(session: Session, me: UserId, ids: Sequence[NotificationId]) -> None:
    """These were not read after all."""
    gone = and_(seen.c.user_id == me, among(seen.c.notification_id, ids))
    session.execute(delete(seen).where(gone))


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


def claim_unsent(session: Session, kinds: Sequence[Kind]) -> NotificationRow | None:
    """The next one to send outside, which nobody else sends for a while; tried again after 10 s,
    20 s, 40 s, … up to an hour. It leaves the house, so it is read with nobody's scope."""
    asked = {"kinds": [kind.value for kind in kinds]}
    found = session.execute(_UNSENT, asked).one_or_none()
    return _row(found, read_at=None) if found else None


def sent(session: Session, id: NotificationId) -> None:
    """It arrived."""
    done = update(notification).where(notification.c.id == id)
    session.execute(done.values(sent_at=func.now()))


def forget(session: Session, older: timedelta) -> int:
    """Remove what happened long ago; answer how much."""
    gone = delete(notification).where(notification.c.occurred_at < func.now() - older)
    return len(session.execute(gone.returning(notification.c.id)).all())


_UNREAD = and_(seen.c.at.is_(None), notification.c.settled_at.is_(None))


def _of(inbox: Inbox) -> Select[Any]:
    mark = and_(seen.c.notification_id == notification.c.id, seen.c.user_id == inbox.me)
    return (
        select(notification, seen.c.at.label("read_at"))
        .join_from(notification, seen, mark, isouter=True)
        .where(inbox.mine)
    )


def _row(found: Row[Any], read_at: datetime | None) -> NotificationRow:
    return NotificationRow(
        id=NotificationId(found.id),
        kind=Kind(found.kind),
        about=found.about,
        subject=UserId(found.subject_id) if found.subject_id else None,
        details=found.details,
        occurred_at=found.occurred_at,
        settled_at=found.settled_at,
        read_at=read_at,
    )
