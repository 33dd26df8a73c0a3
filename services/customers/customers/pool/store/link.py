"""Links between outside records and customers: all that a source claims belongs to its link."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from customers.core.domain.ids import new_id
from customers.core.store import bulk
from customers.pool.domain.record import MANUAL, Source


@dataclass(frozen=True, slots=True)
class LinkRow:
    """A link: one outside record and the customer it belongs to now."""

    id: UUID
    system: str
    installation: str
    external_id: str
    source_record_id: UUID | None
    customer_id: UUID
    fingerprint: str
    observed_at: datetime
    deleted: bool


_COLUMNS = (
    "id, system, installation, external_id, source_record_id, customer_id, fingerprint, "
    "observed_at, deleted"
)
_BY_EXTERNAL = text(
    f"SELECT {_COLUMNS} FROM link "  # noqa: S608  # names from our code, values bound
    "WHERE system = :system AND installation = :installation AND external_id = ANY(:ids)"
)
_BY_CUSTOMER = text(
    f"SELECT {_COLUMNS} FROM link WHERE customer_id = ANY(:ids) ORDER BY customer_id, id"  # noqa: S608  # names from our code, values bound
)
_BY_IDS = text(f"SELECT {_COLUMNS} FROM link WHERE id = ANY(:ids) ORDER BY id")  # noqa: S608  # names from our code, values bound
_MOVE = text("UPDATE link SET customer_id = :to WHERE id = ANY(:ids)")
_END_HOLDING = text("UPDATE holding SET until = :at WHERE link_id = ANY(:ids) AND until IS NULL")


def by_external_ids(session: Session, source: Source, ids: Sequence[str]) -> dict[str, LinkRow]:
    """Load the links of one source by external id."""
    rows = session.execute(
        _BY_EXTERNAL,
        {"system": source.system, "installation": source.installation, "ids": list(ids)},
    )
    return {row.external_id: LinkRow(*row) for row in rows}


def by_customers(session: Session, ids: Iterable[UUID]) -> list[LinkRow]:
    """Load all links of customers."""
    return [LinkRow(*row) for row in session.execute(_BY_CUSTOMER, {"ids": list(ids)})]


def by_ids(session: Session, ids: Iterable[UUID]) -> list[LinkRow]:
    """Load links by id."""
    return [LinkRow(*row) for row in session.execute(_BY_IDS, {"ids": list(ids)})]


def insert(session: Session, rows: Sequence[Mapping[str, Any]], at: datetime) -> None:
    """Insert links, each held by its customer from this moment on."""
    bulk.insert(session, "link", rows)
    holdings = [
        {"link_id": row["id"], "customer_id": row["customer_id"], "since": at} for row in rows
    ]
    bulk.insert(session, "holding", holdings)


def update(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Update columns of links by id."""
    bulk.update(session, "link", rows)


def move(session: Session, ids: Sequence[UUID], to: UUID, at: datetime) -> None:
    """Move links, and the contacts that belong to them, to another customer."""
    if not ids:
        return
    session.execute(_MOVE, {"ids": list(ids), "to": to})
    session.execute(_END_HOLDING, {"ids": list(ids), "at": at})
    bulk.insert(session, "holding", [{"link_id": id, "customer_id": to, "since": at} for id in ids])
    session.execute(
        text("UPDATE contact SET customer_id = :to WHERE link_id = ANY(:ids)"),
        {"ids": list(ids), "to": to},
    )


def manual(session: Session, requested_id: UUID, customer_id: UUID, at: datetime) -> UUID:
    """Return the link of manual entries that are addressed to an id, made where it is missing.

    An entry addressed to an id that was merged away stays with that id, and leaves with it when the
    merge is undone.
    """
    source = Source(MANUAL)
    external_id = str(requested_id)
    if link := by_external_ids(session, source, [external_id]).get(external_id):
        return link.id
    id = new_id()
    insert(
        session,
        [
            {
                "id": id,
                "system": MANUAL,
                "installation": "",
                "external_id": external_id,
                "customer_id": customer_id,
                "fingerprint": "",
                "observed_at": at,
                "deleted": False,
                "created_at": at,
            }
        ],
        at,
    )
    return id


def now(session: Session) -> datetime:
    """Return the database's time at this moment, not at the start of the transaction.

    It is therefore later than any change that the transaction has waited for.
    """
    at: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
    return at
