"""Claims, pins and survivorship rules as rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from customers.core.store import bulk
from customers.pool.domain.golden import Claim, Rules

_COLUMNS = (
    "c.id, c.link_id, l.system, c.field, c.value, c.observed_at, c.recorded_at, c.ended_at, "
    "c.pinned_from, c.pinned_until, c.trace_id"
)
# An ended claim matters for a pin on it, and for the last name of a customer without any other.
_OF_CUSTOMERS = text(
    f"SELECT l.customer_id, {_COLUMNS} FROM link l JOIN claim c ON c.link_id = l.id "  # noqa: S608  # names from our code, values bound
    "WHERE l.customer_id = ANY(:ids) AND (c.ended_at IS NULL OR c.pinned_from IS NOT NULL "
    "OR c.field = 'name')"
)
_AT = text(
    f"SELECT h.customer_id, {_COLUMNS} FROM holding h JOIN link l ON l.id = h.link_id "  # noqa: S608  # names from our code, values bound
    "JOIN claim c ON c.link_id = h.link_id "
    "WHERE h.customer_id = ANY(:ids) AND h.since <= :at AND (h.until IS NULL OR h.until > :at) "
    "AND c.recorded_at <= :at"
)
_END = text("UPDATE claim SET ended_at = :at WHERE id = ANY(:ids)")
_UNPIN = text(
    "UPDATE claim SET pinned_until = :at WHERE field = :field AND pinned_from IS NOT NULL "
    "AND (pinned_until IS NULL OR pinned_until > :at) "
    "AND link_id IN (SELECT id FROM link WHERE customer_id = :customer)"
)
_PIN = text(
    "UPDATE claim SET pinned_from = :at, pinned_until = :until, pin_settled = false WHERE id = :id"
)
_PINS_ENDED = text(
    "SELECT c.id, l.customer_id FROM claim c JOIN link l ON l.id = c.link_id "
    "WHERE c.pinned_until <= now() AND NOT c.pin_settled ORDER BY c.pinned_until LIMIT :most"
)


def of_customers(session: Session, ids: Iterable[UUID]) -> dict[UUID, list[Claim]]:
    """Load the claims about each customer that matter for its present election."""
    return _grouped(session, _OF_CUSTOMERS, ids)


def of_customers_at(session: Session, ids: Iterable[UUID], at: datetime) -> dict[UUID, list[Claim]]:
    """Load the claims about each customer up to a moment, by the links it held then."""
    return _grouped(session, _AT, ids, at=at)


def _grouped(
    session: Session, statement: object, ids: Iterable[UUID], **more: object
) -> dict[UUID, list[Claim]]:
    claims: dict[UUID, list[Claim]] = {id: [] for id in ids}
    for row in session.execute(statement, {"ids": list(claims), **more}):  # type: ignore[call-overload]  # text() above
        claims[row[0]].append(Claim(*row[1:]))
    return claims


def insert(session: Session, claims: Sequence[Claim], actor_id: UUID | None) -> None:
    """Insert claims; the actor is the user who made them, if one did."""
    bulk.insert(
        session,
        "claim",
        [
            {
                "id": claim.id,
                "link_id": claim.link_id,
                "field": claim.field,
                "value": claim.value,
                "observed_at": claim.observed_at,
                "recorded_at": claim.recorded_at,
                "pin_settled": False,
                "actor_id": actor_id,
                "trace_id": claim.trace_id,
            }
            for claim in claims
        ],
    )


def end(session: Session, ids: Sequence[UUID], at: datetime) -> None:
    """End claims that their sources no longer make."""
    if ids:
        session.execute(_END, {"ids": list(ids), "at": at})


def unpin(session: Session, customer_id: UUID, field: str, at: datetime) -> None:
    """End the pin on a field of a customer."""
    session.execute(_UNPIN, {"customer": customer_id, "field": field, "at": at})


def pin(session: Session, claim_id: UUID, at: datetime, until: datetime | None) -> None:
    """Pin a claim from one moment until another, or without end."""
    session.execute(_PIN, {"id": claim_id, "at": at, "until": until})


def ended_pins(session: Session, limit: int) -> list[tuple[UUID, UUID]]:
    """Return (claim, customer) of pins that ran out and were not settled yet."""
    return [(row.id, row.customer_id) for row in session.execute(_PINS_ENDED, {"most": limit})]


def settle_pins(session: Session, ids: Sequence[UUID]) -> None:
    """Mark pins that ran out as settled: their customers were elected again."""
    session.execute(
        text("UPDATE claim SET pin_settled = true WHERE id = ANY(:ids)"), {"ids": list(ids)}
    )


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A survivorship rule: the order in which systems are believed for a field."""

    field: str
    source_order: tuple[str, ...]
    version: int
    updated_at: datetime


def rules(session: Session) -> Rules:
    """Load the survivorship rules and the priorities of sources, as elections need them."""
    orders = {row.field: row.source_order for row in rule_rows(session)}
    sources = session.execute(text("SELECT system, priority FROM source"))
    priorities = {row.system: row.priority for row in sources}
    return Rules(orders, priorities)


def rule_rows(session: Session) -> list[RuleRow]:
    """Load all survivorship rules by field."""
    rows = session.execute(
        text("SELECT field, source_order, version, updated_at FROM survivorship ORDER BY field")
    )
    return [RuleRow(row[0], tuple(row[1]), row[2], row[3]) for row in rows]


def set_rule(session: Session, field: str, order: Sequence[str], actor_id: UUID) -> None:
    """Write a rule; an empty order removes the rule of a field."""
    if not order and field != "*":
        session.execute(text("DELETE FROM survivorship WHERE field = :field"), {"field": field})
        return
    session.execute(
        text(
            "INSERT INTO survivorship (field, source_order, updated_by) VALUES (:field, :o, :by) "
            "ON CONFLICT (field) DO UPDATE SET source_order = :o, updated_by = :by, "
            "version = survivorship.version + 1, updated_at = now()"
        ),
        {"field": field, "o": list(order), "by": actor_id},
    )


def set_priority(session: Session, system: str, priority: int) -> bool:
    """Set the priority of a source; return whether it changed."""
    return (
        session.execute(
            text(
                "INSERT INTO source (system, priority) VALUES (:system, :priority) "
                "ON CONFLICT (system) DO UPDATE SET priority = :priority "
                "WHERE source.priority <> :priority RETURNING system"
            ),
            {"system": system, "priority": priority},
        ).first()
        is not None
    )
