"""Changesets as rows; their changes are one JSON value, for they are only ever read whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Integer,
    Row,
    Table,
    Text,
    Uuid,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from chassis.api.paging import Page, Window, page
from chassis.db import among, in_order
from chassis.policy.rules import Rule
from chassis.policy.scope import Scope
from identity.core.domain.ids import ChangesetId, RuleId, UserId
from identity.core.store.metadata import metadata
from identity.policy.domain.changeset import Change, ChangesetStatus

changeset = Table(
    "changeset",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=func.uuidv7()),
    Column("title", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("status", Text, nullable=False, server_default="draft"),
    Column("changes", JSONB, nullable=False),
    Column("author_id", Uuid, nullable=False),
    Column("reviewer_id", Uuid),
    Column("review_note", Text, nullable=False, server_default=""),
    Column("restores_id", Uuid),
    Column("policy_version", BigInteger),
    Column("published_at", DateTime(timezone=True)),
    Column("published_by", Uuid),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)


@dataclass(frozen=True, slots=True)
class ChangesetRow:
    """A changeset with all its changes."""

    id: ChangesetId
    title: str
    reason: str
    status: ChangesetStatus
    changes: tuple[Change, ...]
    author: UserId
    reviewer: UserId | None
    review_note: str
    restores: ChangesetId | None
    policy_version: int | None
    published_at: datetime | None
    published_by: UserId | None
    version: int
    created_at: datetime


def listed(
    session: Session, scope: Scope, status: ChangesetStatus | None, window: Window
) -> Page[ChangesetRow]:
    """A page of changesets, the newest first."""
    assert scope.object == "Rule"
    statement = select(changeset)
    if status is not None:
        statement = statement.where(changeset.c.status == status.value)
    found = page(session, statement, order=[(changeset.c.id, "desc")], window=window)
    return found.map(row)


def by_ids(session: Session, scope: Scope, ids: Sequence[ChangesetId]) -> list[ChangesetRow | None]:
    """The changesets of these ids in their order, `None` for a gap."""
    assert scope.object == "Rule"
    selected = among(changeset.c.id, ids)
    rows = session.execute(select(changeset).where(selected))
    return in_order(ids, map(row, rows), lambda found: found.id)


def locked(session: Session, id: ChangesetId) -> ChangesetRow | None:
    """One changeset, held until the transaction ends."""
    statement = select(changeset).where(changeset.c.id == id).with_for_update()
    found = session.execute(statement).one_or_none()
    return row(found) if found else None


def add(
    session: Session,
    *,
    title: str,
    reason: str,
    changes: Sequence[Change],
    author: UserId,
    restores: ChangesetId | None = None,
) -> ChangesetId:
    """Write a new draft down."""
    id: UUID = session.execute(
        insert(changeset)
        .values(
            title=title,
            reason=reason,
            changes=written(changes),
            author_id=author,
            restores_id=restores,
        )
        .returning(changeset.c.id)
    ).scalar_one()
    return ChangesetId(id)


def change(session: Session, id: ChangesetId, **values: object) -> None:
    """Set these columns of one changeset."""
    session.execute(
        update(changeset)
        .where(changeset.c.id == id)
        .values(values | {"version": changeset.c.version + 1, "updated_at": func.now()})
    )


def written(changes: Sequence[Change]) -> list[dict[str, Any]]:
    """Changes as the JSON that is stored."""
    return [
        {
            "rule": str(one.rule) if one.rule else None,
            "before": list(astuple(one.before)) if one.before else None,
            "after": list(astuple(one.after)) if one.after else None,
        }
        for one in changes
    ]


def _read(one: dict[str, Any]) -> Change:
    return Change(
        rule=RuleId(UUID(one["rule"])) if one["rule"] else None,
        before=Rule(*one["before"]) if one["before"] else None,
        after=Rule(*one["after"]) if one["after"] else None,
    )


def row(found: Row[Any]) -> ChangesetRow:
    """A selected row as a value."""
    return ChangesetRow(
        id=ChangesetId(found.id),
        title=found.title,
        reason=found.reason,
        status=ChangesetStatus(found.status),
        changes=tuple(map(_read, found.changes)),
        author=UserId(found.author_id),
        reviewer=UserId(found.reviewer_id) if found.reviewer_id else None,
        review_note=found.review_note,
        restores=ChangesetId(found.restores_id) if found.restores_id else None,
        policy_version=found.policy_version,
        published_at=found.published_at,
        published_by=UserId(found.published_by) if found.published_by else None,
        version=found.version,
        created_at=found.created_at,
    )
