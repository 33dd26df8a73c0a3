"""Follow-ups as rows. Reading them takes a scope over the customer they belong to."""

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
)
from sqlalchemy.orm import Session

from activities.core.domain.ids import CustomerId, FollowUpId, UserId
from activities.core.store.metadata import metadata
from activities.customers.store import columns, customer_access
from activities.follow_ups.domain import Channel, Draft
from chassis.db import among, in_order
from chassis.policy.guard import Scope

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
    """A follow-up; `customer` is the one it counts as now, `written_for` the one it was written
    for (they differ after a merge)."""

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
        """The part of it a person writes."""
        return Draft(self.channel, self.summary, self.occurred_at, self.next_step, self.next_due_at)


def by_ids(session: Session, scope: Scope, ids: Sequence[FollowUpId]) -> list[FollowUpRow | None]:
    """The follow-ups of these ids that may be seen, in the order of the ids."""
    rows = session.execute(_visible(scope).where(among(follow_up.c.id, ids)))
    return in_order(ids, map(_row, rows), lambda row: row.id)


def locked(session: Session, scope: Scope, id: FollowUpId) -> FollowUpRow | None:
    """One follow-up that may be seen, held until the transaction ends."""
    found = session.execute(
        _visible(scope).where(follow_up.c.id == id).with_for_update(of=follow_up)
    ).one_or_none()
    return _row(found) if found else None


def add(session: Session, customer: CustomerId, author: UserId, draft: Draft) -> FollowUpId:
    """Write a new follow-up down."""
    values = {"customer_id": customer, "author_id": author, **_written(draft)}
    return FollowUpId(
        session.execute(follow_up.insert().values(values).returning(follow_up.c.id)).scalar_one()
    )


def rewrite(session: Session, id: FollowUpId, draft: Draft) -> int:
    """Put what its author says now in the place of what was said; answer the new version."""
    version: int = session.execute(
        follow_up.update()
        .where(follow_up.c.id == id)
        .values(_written(draft) | {"version": follow_up.c.version + 1, "updated_at": func.now()})
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


def _written(draft: Draft) -> dict[str, object]:
    return {
        "channel": draft.channel.value,
        "summary": draft.summary,
        "occurred_at": draft.occurred_at,
        "next_step": draft.next_step,
        "next_due_at": draft.next_due_at,
    }


def _row(row: Row[*tuple[object, ...]]) -> FollowUpRow:
    found = row._mapping
    return FollowUpRow(
        id=FollowUpId(found["id"]),
        customer=CustomerId(found["root_id"]),
        written_for=CustomerId(found["customer_id"]),
        author=UserId(found["author_id"]),
        channel=Channel(found["channel"]),
        summary=found["summary"],
        occurred_at=found["occurred_at"],
        next_step=found["next_step"],
        next_due_at=found["next_due_at"],
        version=found["version"],
        created_at=found["created_at"],
        updated_at=found["updated_at"],
    )
