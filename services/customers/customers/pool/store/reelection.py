"""Requests to elect winners again after a rule changed, and the progress of each."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Request:
    """A request with the last customer that was elected again."""

    id: UUID
    reached: UUID | None


# A rule can make a difference only where sources disagree.
_NEXT = text(
    "SELECT c.id FROM customer c WHERE (CAST(:after AS uuid) IS NULL OR c.id > :after) "
    "AND c.merged_into IS NULL AND EXISTS (SELECT 1 FROM link l JOIN claim k ON k.link_id = l.id "
    "WHERE l.customer_id = c.id AND (k.ended_at IS NULL OR k.pinned_from IS NOT NULL) "
    "GROUP BY k.field HAVING count(DISTINCT k.value) > 1) ORDER BY c.id LIMIT :most"
)


def request(session: Session) -> UUID:
    """Request a re-election and return its id.

    It is always a new one, since a waiting one may have begun under the old rules.
    """
    id: UUID = session.execute(
        text("INSERT INTO reelection DEFAULT VALUES RETURNING id")
    ).scalar_one()
    return id


def any_open(session: Session) -> bool:
    """Return whether a request is not finished."""
    statement = text("SELECT EXISTS (SELECT 1 FROM reelection WHERE finished_at IS NULL)")
    return bool(session.execute(statement).scalar_one())


def lock_next(session: Session, id: UUID | None = None) -> Request | None:
    """Lock the oldest open request, or the one with this id; `None` where another worker has it."""
    row = session.execute(
        text(
            "SELECT id, reached FROM reelection WHERE finished_at IS NULL "
            "AND (CAST(:id AS uuid) IS NULL OR id = :id) ORDER BY id LIMIT 1 "
            "FOR UPDATE SKIP LOCKED"
        ),
        {"id": id},
    ).first()
    return Request(*row) if row else None


def next_customers(session: Session, after: UUID | None, limit: int) -> list[UUID]:
    """Return the ids of customers about whom sources disagree, in order."""
    return list(session.execute(_NEXT, {"after": after, "most": limit}).scalars())


def record_progress(session: Session, id: UUID, customer_id: UUID | None) -> None:
    """Record the progress of a request; without a customer it is finished."""
    if customer_id is None:
        session.execute(
            text("UPDATE reelection SET finished_at = now() WHERE id = :id"), {"id": id}
        )
    else:
        session.execute(
            text("UPDATE reelection SET reached = :at WHERE id = :id"),
            {"id": id, "at": customer_id},
        )
