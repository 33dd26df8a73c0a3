"""Links: which outside record is which customer. Everything a source says hangs on its link."""

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
    """One outside record and the customer it belongs to now."""

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
    """Links of one source by the ids it uses."""
    rows = session.execute(
        _BY_EXTERNAL,
        {"system": source.system, "installation": source.installation, "ids": list(ids)},
    )
    return {row.external_id: LinkRow(*row) for row in rows}


def by_customers(session: Session, ids: Iterable[UUID]) -> list[LinkRow]:
    """All links of these customers."""
    return [LinkRow(*row) for row in session.execute(_BY_CUSTOMER, {"ids": list(ids)})]


def by_ids(session: Session, ids: Iterable[UUID]) -> list[LinkRow]:
    return [LinkRow(*row) for row in session.execute(_BY_IDS, {"ids": list(ids)})]


def insert(session: Session, rows: Sequence[Mapping[str, Any]], at: datetime) -> None:
    """New links, each held by its customer from now on."""
    bulk.insert(session, "link", rows)
    holdings = [
        {"link_id": row["id"], "customer_id": row["customer_id"], "since": at} for row in rows
    ]
    bulk.insert(session, "holding", holdings)


def update(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    bulk.update(session, "link", rows)


def move(session: Session, ids: Sequence[UUID], to: UUID, at: datetime) -> None:
    """Gives links, and the contacts that came with them, to another customer."""
    if not ids:
        return
    session.execute(_MOVE, {"ids": list(ids), "to": to})
    session.execute(_END_HOLDING, {"ids": list(ids), "at": at})
    bulk.insert(session, "holding", [{"link_id": id, "customer_id": to, "since": at} for id in ids])
    session.execute(
        text("UPDATE contact SET customer_id = :to WHERE link_id = ANY(:ids)"),
        {"ids": list(ids), "to": to},
    )


def manual(session: Session, addressed: UUID, customer_id: UUID, at: datetime) -> UUID:
    """The link that carries what people say of this identity. An edit addressed to an id that was
    merged away stays with that identity, and leaves with it when the merge is undone."""
    source = Source(MANUAL)
    external_id = str(addressed)
    if found := by_external_ids(session, source, [external_id]).get(external_id):
        return found.id
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
    """The database's clock at this moment, after any wait for a lock; never before the last one."""
    found: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
    return found
