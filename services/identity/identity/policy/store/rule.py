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
    """A rule and the id it is changed by."""

    id: RuleId
    rule: Rule


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rules a list is about; what is left out does not matter."""

    subject: str | None = None
    object: str | None = None


def listed(session: Session, scope: Scope, filter: Filter, window: Window) -> Page[RuleRow]:
    """A page of rules, the oldest first."""
    assert scope.object == "Rule"
    statement = select(rule)
    if filter.subject is not None:
        statement = statement.where(rule.c.subject == filter.subject)
    if filter.object is not None:
        statement = statement.where(rule.c.object == filter.object)
    found = page(session, statement, order=[(rule.c.id, "asc")], window=window)
    return found.map(row)


def by_id(session: Session, id: RuleId) -> RuleRow | None:
    """One rule."""
    found = session.execute(select(rule).where(rule.c.id == id)).one_or_none()
    return row(found) if found else None


def everything(session: Session) -> dict[RuleId, Rule]:
    """All rules by their ids, the oldest first."""
    found = map(row, session.execute(select(rule).order_by(rule.c.id)))
    return {one.id: one.rule for one in found}


def add(session: Session, wanted: Rule, id: RuleId | None = None) -> RuleId:
    """Write a new rule down; one that comes back takes the id it had."""
    values: dict[str, Any] = asdict(wanted) | ({"id": id} if id else {})
    made: UUID = session.execute(insert(rule).values(**values).returning(rule.c.id)).scalar_one()
    return RuleId(made)


def add_all(session: Session, wanted: Sequence[Rule]) -> None:
    """Write several new rules down at once."""
    if wanted:
        session.execute(insert(rule), [asdict(one) for one in wanted])


def remove_all(session: Session, ids: Sequence[RuleId]) -> None:
    """Strike rules out."""
    selected = among(rule.c.id, ids)
    session.execute(delete(rule).where(selected))


def row(found: Row[Any]) -> RuleRow:
    """A selected row as a value."""
    return RuleRow(
        RuleId(found.id),
        Rule(
            found.subject,
            found.object,
            found.action,
            found.rows,
            found.redaction,
            found.effect,
        ),
    )
