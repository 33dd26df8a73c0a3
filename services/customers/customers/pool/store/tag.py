"""Tags as rows: every source gives its own; users may add to them and reject them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.db import in_order
from customers.core.store import bulk

GENERAL = "general"


@dataclass(frozen=True, slots=True)
class TagRow:
    """A tag of the vocabulary."""

    id: UUID
    dimension: str
    name: str


_BY_IDS = text("SELECT id, dimension, name FROM tag WHERE id = ANY(:ids)")
_ALL = text("SELECT id, dimension, name FROM tag ORDER BY dimension, name LIMIT :most")
_OF_CUSTOMERS = text(
    "SELECT ct.customer_id, t.id, t.dimension, t.name FROM customer_tag ct "
    "JOIN tag t ON t.id = ct.tag_id WHERE ct.customer_id = ANY(:ids) ORDER BY t.dimension, t.name"
)
_ENSURE = text(
    "INSERT INTO tag (dimension, name) SELECT DISTINCT :dimension, n "
    "FROM unnest(CAST(:names AS text[])) AS n ORDER BY n ON CONFLICT DO NOTHING"
)
_BY_NAMES = text("SELECT id, name FROM tag WHERE dimension = :dimension AND name = ANY(:names)")
_OF_LINKS = text(
    "SELECT tg.link_id, t.name FROM tagging tg JOIN tag t ON t.id = tg.tag_id "
    "WHERE tg.link_id = ANY(:ids) AND tg.present"
)


def by_ids(session: Session, ids: Sequence[UUID]) -> list[TagRow | None]:
    """Load tags in the order of the ids, `None` for a gap."""
    rows = [TagRow(*row) for row in session.execute(_BY_IDS, {"ids": list(ids)})]
    return in_order(ids, rows, lambda row: row.id)


def list_all(session: Session, limit: int) -> list[TagRow]:
    """Load the vocabulary by dimension and name."""
    return [TagRow(*row) for row in session.execute(_ALL, {"most": limit})]


def of_customers(session: Session, ids: Iterable[UUID]) -> dict[UUID, list[TagRow]]:
    """Load the tags of each customer."""
    tags: dict[UUID, list[TagRow]] = {id: [] for id in ids}
    for row in session.execute(_OF_CUSTOMERS, {"ids": list(tags)}):
        tags[row[0]].append(TagRow(*row[1:]))
    return tags


def of_links(session: Session, ids: Iterable[UUID]) -> dict[UUID, set[str]]:
    """Load the names of the tags that each link gives."""
    names: dict[UUID, set[str]] = {id: set() for id in ids}
    for link_id, name in session.execute(_OF_LINKS, {"ids": list(names)}):
        names[link_id].add(name)
    return names


def ensure(session: Session, names: Iterable[str], dimension: str = GENERAL) -> dict[str, UUID]:
    """Return the ids of tags by name, adding those that are missing to the vocabulary."""
    ordered = sorted(set(names))
    if not ordered:
        return {}
    arguments = {"names": ordered, "dimension": dimension}
    session.execute(_ENSURE, arguments)
    return {row.name: row.id for row in session.execute(_BY_NAMES, arguments)}


def replace(session: Session, tags_by_link: dict[UUID, set[UUID]]) -> None:
    """Replace the tags that links give."""
    if not tags_by_link:
        return
    session.execute(
        text("DELETE FROM tagging WHERE link_id = ANY(:ids)"), {"ids": list(tags_by_link)}
    )
    rows = [
        {"link_id": link, "tag_id": tag, "present": True}
        for link, tags in tags_by_link.items()
        for tag in sorted(tags)
    ]
    bulk.insert(session, "tagging", rows)


def decide(
    session: Session, link_id: UUID, added: Iterable[UUID], rejected: Iterable[UUID]
) -> None:
    """Replace the tags that a manual link adds, and those of sources that it rejects."""
    session.execute(text("DELETE FROM tagging WHERE link_id = :id"), {"id": link_id})
    decisions = [(tag, True) for tag in sorted(set(added))]
    decisions += [(tag, False) for tag in sorted(set(rejected))]
    bulk.insert(
        session,
        "tagging",
        [{"link_id": link_id, "tag_id": tag, "present": present} for tag, present in decisions],
    )


def given_by_sources(session: Session, customer_id: UUID) -> set[UUID]:
    """Return the ids of the tags that links give a customer."""
    rows = session.execute(
        text(
            "SELECT DISTINCT tg.tag_id FROM tagging tg JOIN link l ON l.id = tg.link_id "
            "WHERE l.customer_id = :id AND tg.present"
        ),
        {"id": customer_id},
    )
    return set(rows.scalars())
