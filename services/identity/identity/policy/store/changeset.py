"""Changesets as rows; their changes are one JSON value, since they are only read as a whole."""

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
    """Return one page of changesets, the newest first."""
    assert scope.object == "Rule"
    statement = select(changeset)
    if status is not None:
        statement = statement.where(changeset.c.status == status.value)
    rows = page(session, statement, order=[(changeset.c.id, "desc")], window=window)
    return rows.map(read_row)


def by_ids(session: Session, scope: Scope, ids: Sequence[ChangesetId]) -> list[ChangesetRow | None]:
    """Return the changesets of these ids in their order, `None` for a gap."""
    assert scope.object == "Rule"
    selected = among(changeset.c.id, ids)
    rows = session.execute(select(changeset).where(selected))
    return in_order(ids, map(read_row, rows), lambda row: row.id)


def locked(session: Session, id: ChangesetId) -> ChangesetRow | None:
    """Return one changeset, locked until the transaction ends."""
    statement = select(changeset).where(changeset.c.id == id).with_for_update()
    row = session.execute(statement).one_or_none()
    return read_row(row) if row else None


def add(
    session: Session,
    *,
    title: str,
    reason: str,
    changes: Sequence[Change],
    author: UserId,
    restores: ChangesetId | None = None,
) -> ChangesetId:
    """Insert a draft and return its id."""
    id: UUID = session.execute(
        insert(changeset)
        .values(
            title=title,
            reason=reason,
            changes=to_json(changes),
            author_id=author,
            restores_id=restores,
        )
        .returning(changeset.c.id)
    ).scalar_one()
    return ChangesetId(id)


def change(session: Session, id: ChangesetId, **values: object) -> None:
    """Set columns of one changeset and count its version up."""
    session.execute(
        update(changeset)
        .where(changeset.c.id == id)
        .values(values | {"version": changeset.c.version + 1, "updated_at": func.now()})
    )


def to_json(changes: Sequence[Change]) -> list[dict[str, Any]]:
    """Return changes as the JSON that is stored."""
    return [
        {
            "rule": str(change.rule) if change.rule else None,
            "before": list(astuple(change.before)) if change.before else None,
            "after": list(astuple(change.after)) if change.after else None,
        }
        for change in changes
    ]


def _from_json(change: dict[str, Any]) -> Change:
    return Change(
        rule=RuleId(UUID(change["rule"])) if change["rule"] else None,
        before=Rule(*change["before"]) if change["before"] else None,
        after=Rule(*change["after"]) if change["after"] else None,
    )


def read_row(selected: Row[Any]) -> ChangesetRow:
    """Convert a selected row to a value."""
    return ChangesetRow(
        id=ChangesetId(selected.id),
        title=selected.title,
        reason=selected.reason,
        status=ChangesetStatus(selected.status),
        changes=tuple(map(_from_json, selected.changes)),
        author=UserId(selected.author_id),
        reviewer=UserId(selected.reviewer_id) if selected.reviewer_id else None,
        review_note=selected.review_note,
        restores=ChangesetId(selected.restores_id) if selected.restores_id else None,
        policy_version=selected.policy_version,
        published_at=selected.published_at,
        published_by=UserId(selected.published_by) if selected.published_by else None,
        version=selected.version,
        created_at=selected.created_at,
    )
