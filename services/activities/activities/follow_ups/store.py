"""Follow-ups as rows; they are visible to a scope that reaches their customer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    Column,
    DateTime,
    Integer,
    Row,
    Select,
    String,
    Table,
    Text,
    Uuid,
    func,
    select,
    true,
)
from sqlalchemy.orm import Session

from activities.core.domain.ids import CustomerId, FollowUpId, UserId
from activities.core.store.metadata import metadata
from activities.customers.store import Family, columns, customer_access
from activities.follow_ups.domain import Channel, Draft
from chassis.db import among, in_order
from chassis.policy.scope import Scope

follow_up = Table(
    "follow_up",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=func.uuidv7()),
    Column("customer_id", Uuid, nullable=False),
    Column("author_id", Uuid, nullable=False),
    Column("channel", String, nullable=False),
    Column("summary", Text, nullable=False),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("next_step", Text),
    Column("next_due_at", DateTime(timezone=True)),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)


@dataclass(frozen=True, slots=True)
class FollowUpRow:
    """A follow-up.

    `customer` is the customer it counts as now, `written_for` the one it was written for; they
    differ after a merge.
    """

    id: FollowUpId
    customer: CustomerId
    written_for: CustomerId
    author: UserId
    channel: Channel
    summary: str
    occurred_at: datetime
    next_step: str | None
    next_due_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime

    @property
    def draft(self) -> Draft:
        """Return the part that its author writes."""
        return Draft(self.channel, self.summary, self.occurred_at, self.next_step, self.next_due_at)


def by_ids(session: Session, scope: Scope, ids: Sequence[FollowUpId]) -> list[FollowUpRow | None]:
    """Return the visible follow-ups of these ids, in the order of the ids, `None` for a gap."""
    rows = session.execute(_visible(scope).where(among(follow_up.c.id, ids)))
    return in_order(ids, map(_row, rows), lambda row: row.id)


def locked(session: Session, scope: Scope, id: FollowUpId) -> FollowUpRow | None:
    """Return a visible follow-up, its row locked until the transaction ends, or `None`."""
    row = session.execute(
        _visible(scope).where(follow_up.c.id == id).with_for_update(of=follow_up)
    ).one_or_none()
    return _row(row) if row else None


def add(session: Session, customer: CustomerId, author: UserId, draft: Draft) -> FollowUpId:
    """Insert a follow-up; return its id."""
    values = {"customer_id": customer, "author_id": author, **_columns(draft)}
    return FollowUpId(
        session.execute(follow_up.insert().values(values).returning(follow_up.c.id)).scalar_one()
    )


def last_contacted(
    session: Session, scope: Scope, ids: Sequence[CustomerId]
) -> list[datetime | None]:
    """Return the time of each customer's latest visible follow-up, in the order of the ids."""
    family = Family(ids)
    latest = (
        select(follow_up.c.occurred_at.label("value"))
        .where(follow_up.c.customer_id == family.member.c.customer_id)
        .order_by(follow_up.c.occurred_at.desc())
        .limit(1)
        .lateral()
    )
    of_family = (
        select(func.max(latest.c.value).label("value"))
        .select_from(family.member.join(latest, true()))
        .where(family.same_root, scope.where(columns(family.root)))
        .lateral("latest_of_family")
    )
    return family.values(session, of_family)


def rewrite(session: Session, id: FollowUpId, draft: Draft) -> int:
    """Replace the content of a follow-up; return its new version."""
    version: int = session.execute(
        follow_up.update()
        .where(follow_up.c.id == id)
        .values(_columns(draft) | {"version": follow_up.c.version + 1, "updated_at": func.now()})
        .returning(follow_up.c.version)
    ).scalar_one()
    return version


def _visible(scope: Scope) -> Select[*tuple[object, ...]]:
    of = customer_access.alias("of")
    root = customer_access.alias("root")
    return (
        select(follow_up, root.c.customer_id.label("root_id"))
        .join_from(follow_up, of, of.c.customer_id == follow_up.c.customer_id)
        .join(root, root.c.customer_id == of.c.root_id)
        .where(scope.where(columns(root)))
    )


def _columns(draft: Draft) -> dict[str, object]:
    return {
        "channel": draft.channel.value,
        "summary": draft.summary,
        "occurred_at": draft.occurred_at,
        "next_step": draft.next_step,
        "next_due_at": draft.next_due_at,
    }


def _row(row: Row[*tuple[object, ...]]) -> FollowUpRow:
    values = row._mapping
    return FollowUpRow(
        id=FollowUpId(values["id"]),
        customer=CustomerId(values["root_id"]),
        written_for=CustomerId(values["customer_id"]),
        author=UserId(values["author_id"]),
        channel=Channel(values["channel"]),
        summary=values["summary"],
        occurred_at=values["occurred_at"],
        next_step=values["next_step"],
        next_due_at=values["next_due_at"],
        version=values["version"],
        created_at=values["created_at"],
        updated_at=values["updated_at"],
    )
