"""Requests to elect winners again after a rule changed, and how far each came."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Request:
    """One request, with the last customer that was looked at."""

    id: UUID
    reached: UUID | None


# Only where sources disagree can a rule make a difference.
_NEXT = text(
    "SELECT c.id FROM customer c WHERE (CAST(:after AS uuid) IS NULL OR c.id > :after) "
    "AND c.merged_into IS NULL AND EXISTS (SELECT 1 FROM link l JOIN claim k ON k.link_id = l.id "
    "WHERE l.customer_id = c.id AND (k.ended_at IS NULL OR k.pinned_from IS NOT NULL) "
    "GROUP BY k.field HAVING count(DISTINCT k.value) > 1) ORDER BY c.id LIMIT :most"
)


def request(session: Session) -> UUID:
    """Asks for a re-election. Always a new one: a waiting one may have begun under the old rules."""
    made: UUID = session.execute(
        text("INSERT INTO reelection DEFAULT VALUES RETURNING id")
    ).scalar_one()
    return made


def take(session: Session, id: UUID | None = None) -> Request | None:
    """The oldest open request, or the one named, locked."""
    row = session.execute(
        text(
            "SELECT id, reached FROM reelection WHERE finished_at IS NULL "
            "AND (CAST(:id AS uuid) IS NULL OR id = :id) ORDER BY id LIMIT 1 "
            "FOR UPDATE SKIP LOCKED"
        ),
        {"id": id},
    ).first()
    return Request(*row) if row else None


def next_customers(session: Session, after: UUID | None, most: int) -> list[UUID]:
    """Customers about whom sources disagree, by id."""
    return list(session.execute(_NEXT, {"after": after, "most": most}).scalars())


def reached(session: Session, id: UUID, customer_id: UUID | None) -> None:
    """How far it came; nothing more to come means it is finished."""
    if customer_id is None:
        session.execute(
            text("UPDATE reelection SET finished_at = now() WHERE id = :id"), {"id": id}
        )
    else:
        session.execute(
            text("UPDATE reelection SET reached = :at WHERE id = :id"),
            {"id": id, "at": customer_id},
        )
