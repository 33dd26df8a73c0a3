"""Rules as rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Column,
    DateTime,
    Row,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    delete,
    func,
    insert,
    select,
)
from sqlalchemy.orm import Session

from chassis.api.paging import Page, Window, page
from chassis.db import among
from chassis.policy.rules import Rule
from chassis.policy.scope import Scope
from identity.core.domain.ids import RuleId
from identity.core.store.metadata import metadata

rule = Table(
    "rule",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=func.uuidv7()),
    Column("subject", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("rows", Text, nullable=False),
    Column("redaction", Text, nullable=False),
    Column("effect", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    UniqueConstraint(
        "subject", "object", "action", "rows", "redaction", "effect", name="rule_once"
    ),
)


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A rule and its id."""

    id: RuleId
    rule: Rule


@dataclass(frozen=True, slots=True)
class Filter:
    """The conditions of a list of rules; `None` and `False` set no condition."""

    subject: str | None = None
    object: str | None = None


def listed(session: Session, scope: Scope, filter: Filter, window: Window) -> Page[RuleRow]:
    """Return one page of rules, the oldest first."""
    assert scope.object == "Rule"
    statement = select(rule)
    if filter.subject is not None:
        statement = statement.where(rule.c.subject == filter.subject)
    if filter.object is not None:
        statement = statement.where(rule.c.object == filter.object)
    rows = page(session, statement, order=[(rule.c.id, "asc")], window=window)
    return rows.map(read_row)


def by_id(session: Session, id: RuleId) -> RuleRow | None:
    """Return one rule."""
    row = session.execute(select(rule).where(rule.c.id == id)).one_or_none()
    return read_row(row) if row else None


def everything(session: Session) -> dict[RuleId, Rule]:
    """Return all rules by their ids, the oldest first."""
    rows = map(read_row, session.execute(select(rule).order_by(rule.c.id)))
    return {row.id: row.rule for row in rows}


def add(session: Session, new: Rule, id: RuleId | None = None) -> RuleId:
    """Insert a rule and return its id; a restored rule takes the id it had."""
    values: dict[str, Any] = asdict(new) | ({"id": id} if id else {})
    new_id: UUID = session.execute(insert(rule).values(**values).returning(rule.c.id)).scalar_one()
    return RuleId(new_id)


def add_all(session: Session, new: Sequence[Rule]) -> None:
    """Insert several rules at once."""
    if new:
        session.execute(insert(rule), [asdict(line) for line in new])


def remove_all(session: Session, ids: Sequence[RuleId]) -> None:
    """Delete rules."""
    selected = among(rule.c.id, ids)
    session.execute(delete(rule).where(selected))


def read_row(selected: Row[Any]) -> RuleRow:
    """Convert a selected row to a value."""
    return RuleRow(
        RuleId(selected.id),
        Rule(
            selected.subject,
            selected.object,
            selected.action,
            selected.rows,
            selected.redaction,
            selected.effect,
        ),
    )
