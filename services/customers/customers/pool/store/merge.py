"""Merges as rows: the customers absorbed, and the links moved, so that they can move back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from customers.core.store import bulk
from customers.pool.domain.record import MANUAL


@dataclass(frozen=True, slots=True)
class MergeRow:
    """One merge, undone or not."""

    id: UUID
    survivor_id: UUID
    actor_id: UUID
    at: datetime
    undone_at: datetime | None
    absorbed: tuple[UUID, ...]


_SELECT = (
    "SELECT m.id, m.survivor_id, m.actor_id, m.at, m.undone_at, "
    "array_agg(a.customer_id ORDER BY a.customer_id) AS absorbed "
    "FROM merge m JOIN merge_absorbed a ON a.merge_id = m.id "
)
_BY_IDS = text(f"{_SELECT} WHERE m.id = ANY(:ids) GROUP BY m.id")
# The merges that a customer shows: those into it, and into customers that were merged into it
# since.
_INTO = text(
    f"{_SELECT} WHERE m.undone_at IS NULL AND m.survivor_id = ANY(:ids) GROUP BY m.id ORDER BY m.id"
)
_REDIRECTED = text("SELECT id, merged_into FROM customer WHERE merged_into = ANY(:ids)")
_ABSORBED_BELOW = text(
    "WITH RECURSIVE below(id) AS ("
    "  SELECT unnest(CAST(:ids AS uuid[])) "
    "  UNION SELECT a.customer_id FROM below b "
    "  JOIN merge m ON m.survivor_id = b.id AND m.undone_at IS NULL AND m.id <> :merge "
    "  JOIN merge_absorbed a ON a.merge_id = m.id"
    ") SELECT id FROM below"
)
# The links that came with an absorbed customer, and manual entries addressed to its ids afterwards.
_LINKS_TO_RETURN = text(
    "SELECT l.id FROM link l WHERE l.customer_id = :holder AND ("  # noqa: S608  # names from our code, values bound
    "  l.id IN (SELECT link_id FROM merge_link WHERE merge_id = :merge "
    "           AND from_customer_id = :absorbed) "
    f"  OR (l.system = '{MANUAL}' AND l.external_id = ANY(:addressed))) ORDER BY l.id"
)
_REMOVE_MOVED_LINKS = text(
    "DELETE FROM merge_link WHERE link_id = ANY(:links) AND merge_id IN "
    "(SELECT id FROM merge WHERE undone_at IS NULL AND id <> :merge)"
)
_REPOINT = text(
    "INSERT INTO match_candidate (left_id, right_id, score, evidence) "
    "SELECT least(:survivor, other), greatest(:survivor, other), max(score), "
    "       (array_agg(evidence ORDER BY score DESC))[1] FROM ("
    "  SELECT CASE WHEN left_id = ANY(:absorbed) THEN right_id ELSE left_id END AS other, "
    "         score, evidence FROM match_candidate WHERE status = 'OPEN' "
    "  AND (left_id = ANY(:absorbed) OR right_id = ANY(:absorbed))) AS pairs "
    "WHERE other <> :survivor AND NOT other = ANY(:absorbed) GROUP BY other "
    "ON CONFLICT (left_id, right_id) DO NOTHING"
)


def by_id(session: Session, id: UUID, *, locked: bool = False) -> MergeRow | None:
    """Load one merge, without a scope."""
    if locked:
        session.execute(text("SELECT 1 FROM merge WHERE id = :id FOR UPDATE"), {"id": id})
    row = session.execute(_BY_IDS, {"ids": [id]}).first()
    return _row(row) if row else None


def _row(row: Row[Any]) -> MergeRow:
    return MergeRow(
        row.id, row.survivor_id, row.actor_id, row.at, row.undone_at, tuple(row.absorbed)
    )


def merges_into(session: Session, ids: Iterable[UUID]) -> dict[UUID, list[MergeRow]]:
    """Load the merges that each customer survived, and those of customers merged into it."""
    survivors: dict[UUID, UUID] = {id: id for id in ids}
    roots = list(survivors)
    for row in session.execute(_REDIRECTED, {"ids": roots}):
        survivors[row.id] = row.merged_into
    merges: dict[UUID, list[MergeRow]] = {id: [] for id in roots}
    for row in session.execute(_INTO, {"ids": list(survivors)}):
        merges[survivors[row.survivor_id]].append(_row(row))
    return merges


def insert(
    session: Session, row: MergeRow, links: Sequence[tuple[UUID, UUID]], trace: str | None
) -> None:
    """Insert a merge with the links that move, each with the customer it moves from."""
    bulk.insert(
        session,
        "merge",
        [
            {
                "id": row.id,
                "survivor_id": row.survivor_id,
                "actor_id": row.actor_id,
                "at": row.at,
                "trace_id": trace,
            }
        ],
    )
    absorbed = [{"merge_id": row.id, "customer_id": id} for id in row.absorbed]
    bulk.insert(session, "merge_absorbed", absorbed)
    moved = [
        {"merge_id": row.id, "link_id": link, "from_customer_id": origin} for link, origin in links
    ]
    bulk.insert(session, "merge_link", moved)


def mark_undone(session: Session, id: UUID, actor_id: UUID, at: datetime) -> None:
    """Mark a merge as undone."""
    session.execute(
        text("UPDATE merge SET undone_at = :at, undone_by = :by WHERE id = :id"),
        {"id": id, "at": at, "by": actor_id},
    )


def redirected_to(session: Session, ids: Iterable[UUID]) -> list[UUID]:
    """Return the ids of customers that lead to one of these."""
    return [row.id for row in session.execute(_REDIRECTED, {"ids": list(ids)})]


def redirect(session: Session, ids: Iterable[UUID], to: UUID | None) -> None:
    """Let customers lead to another one; to themselves without one."""
    session.execute(
        text(
            "UPDATE customer SET merged_into = :to, version = version + 1, updated_at = now() "
            "WHERE id = ANY(:ids)"
        ),
        {"ids": list(ids), "to": to},
    )


def absorbed_below(session: Session, ids: Iterable[UUID], without: UUID) -> set[UUID]:
    """Return customers and all that were absorbed into them by merges other than `without`."""
    rows = session.execute(_ABSORBED_BELOW, {"ids": list(ids), "merge": without})
    return set(rows.scalars())


def links_to_return(
    session: Session, merge: UUID, holder: UUID, absorbed: UUID, addressed: Iterable[UUID]
) -> list[UUID]:
    """Return the links that go back to an absorbed customer when a merge is undone."""
    arguments = {
        "merge": merge,
        "holder": holder,
        "absorbed": absorbed,
        "addressed": [str(id) for id in addressed],
    }
    return list(session.execute(_LINKS_TO_RETURN, arguments).scalars())


def remove_moved_links(session: Session, links: Sequence[UUID], merge: UUID) -> None:
    """Remove links that went back from what later merges have moved."""
    session.execute(_REMOVE_MOVED_LINKS, {"links": list(links), "merge": merge})


def repoint_candidates(session: Session, survivor: UUID, absorbed: Sequence[UUID]) -> None:
    """Copy open match candidates of absorbed customers to the survivor."""
    session.execute(_REPOINT, {"survivor": survivor, "absorbed": list(absorbed)})
