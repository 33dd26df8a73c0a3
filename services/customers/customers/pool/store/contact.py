"""Contacts as rows. Two sources that know one person make two rows; a list shows the older one.

For readers who may not see telephone numbers and e-mail addresses in clear, manual contacts are
listed separately from those of sources: otherwise entering numbers until one disappears would
disclose it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.db import in_order
from customers.core.store import bulk


@dataclass(frozen=True, slots=True)
class ContactRow:
    """A contact at a customer, as one source has it."""

    id: UUID
    link_id: UUID
    external_id: str
    customer_id: UUID
    version: int
    name: str | None
    title: str | None
    mobile: str | None
    email: str | None
    ended_at: datetime | None
    created_at: datetime
    updated_at: datetime


_COLUMNS = (
    "c.id, c.link_id, c.external_id, c.customer_id, c.version, c.name, c.title, c.mobile, "
    "c.email, c.ended_at, c.created_at, c.updated_at"
)
_BY_LINKS = text(f"SELECT {_COLUMNS} FROM contact c WHERE c.link_id = ANY(:ids)")  # noqa: S608  # names from our code, values bound
_BY_IDS = text(f"SELECT {_COLUMNS} FROM contact c WHERE c.id = ANY(:ids) AND c.ended_at IS NULL")  # noqa: S608  # names from our code, values bound
# One index range for each parent, however many contacts each has.
_PAGES = text(
    f"SELECT p.id AS parent, {_COLUMNS} "  # noqa: S608  # names from our code, values bound
    "FROM unnest(CAST(:parents AS uuid[]), CAST(:apart AS boolean[])) AS p(id, apart) "
    "CROSS JOIN LATERAL ("
    "  SELECT c.* FROM contact c WHERE c.customer_id = p.id AND c.ended_at IS NULL "
    "  AND (CAST(:after AS uuid) IS NULL OR c.id > CAST(:after AS uuid)) "
    "  AND NOT EXISTS (SELECT 1 FROM contact twin WHERE twin.customer_id = c.customer_id "
    "    AND twin.identity = c.identity AND twin.id < c.id AND twin.ended_at IS NULL "
    # A source's contact has the source's id as external id; a manual contact has its own id.
    "    AND NOT (p.apart AND (c.external_id = c.id::text OR twin.external_id = twin.id::text))) "
    "  ORDER BY c.id LIMIT :most) AS c ORDER BY p.id, c.id"
)
_END = text(
    "UPDATE contact SET ended_at = :at, updated_at = :at, version = version + 1 "
    "WHERE id = ANY(:ids)"
)


def by_links(session: Session, ids: Iterable[UUID]) -> dict[tuple[UUID, str], ContactRow]:
    """Load contacts by link and external id, ended ones included."""
    rows = [ContactRow(*row) for row in session.execute(_BY_LINKS, {"ids": list(ids)})]
    return {(row.link_id, row.external_id): row for row in rows}


def by_ids(session: Session, ids: Sequence[UUID]) -> list[ContactRow | None]:
    """Load contacts in the order of the ids, `None` for a gap.

    The calling code holds the proof that the caller may see the customers they belong to.
    """
    rows = [ContactRow(*row) for row in session.execute(_BY_IDS, {"ids": list(ids)})]
    return in_order(ids, rows, lambda row: row.id)


def pages(
    session: Session, parents: Mapping[UUID, bool], after: UUID | None, limit: int
) -> dict[UUID, list[ContactRow]]:
    """Load the first contacts of each customer after a cursor, in one query.

    `parents` says for each customer whether manual contacts are listed separately.
    """
    contacts: dict[UUID, list[ContactRow]] = {id: [] for id in parents}
    apart = [parents[id] for id in contacts]
    arguments = {"parents": list(contacts), "apart": apart, "after": after, "most": limit}
    for row in session.execute(_PAGES, arguments):
        contacts[row.parent].append(ContactRow(*row[1:]))
    return contacts


def insert(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert contacts from their columns."""
    bulk.insert(session, "contact", rows)


def update(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Update columns by id; each row becomes a new version."""
    bulk.update(session, "contact", rows, "version = contact.version + 1, updated_at = now()")


def end(session: Session, ids: Sequence[UUID], at: datetime) -> None:
    """End contacts; their rows are kept."""
    if ids:
        session.execute(_END, {"ids": list(ids), "at": at})
