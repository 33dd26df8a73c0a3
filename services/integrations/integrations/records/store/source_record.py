"""Source records: what an outside system has, sealed as it came, and its link to a customer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Select,
    Table,
    Text,
    Uuid,
    func,
    select,
)
from sqlalchemy.orm import Session

from chassis.api.paging import Order, Page, Window, beyond, decode, encode
from chassis.db import among, in_order
from chassis.policy.row_scopes import RowAccess
from chassis.policy.scope import Scope
from integrations.access.store import NOBODYS, ROWS, customer_access
from integrations.core.store.metadata import metadata
from integrations.installations.store import installation

source_record = Table(
    "source_record",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("installation_id", ForeignKey("installation.id"), nullable=False),
    Column("stream", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("payload_hash", LargeBinary, nullable=False),
    # Nothing until the pool has taken the record: a rejected one is tried again.
    Column("fingerprint", LargeBinary),
    Column("observed_at", DateTime(timezone=True), nullable=False),
    Column("first_seen_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("received_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("revision", Integer, nullable=False),
    Column("run_id", Uuid, nullable=False),
    Column("seen_run_id", Uuid, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("deleted", Boolean, nullable=False, server_default="false"),
    Column("customer_id", Uuid),
    Column("error_code", Text),
    Column("error_en", Text),
    Column("error_zh", Text),
    Column("attempts", Integer, nullable=False, server_default="1"),
    Column("trace_id", Text),
    Index("source_record_identity", "installation_id", "stream", "external_id", unique=True),
    Index("source_record_customer", "customer_id"),
    Index("source_record_run", "run_id", "id"),
)

# A merge moves links; an unmerge moves exactly those back.
link_moved = Table(
    "link_moved",
    metadata,
    Column("merge_id", Uuid, primary_key=True),
    Column("source_record_id", ForeignKey("source_record.id"), primary_key=True),
    Column("from_customer", Uuid, nullable=False),
    Column("to_customer", Uuid, nullable=False),
    Column("moved_back_at", DateTime(timezone=True)),
)


@dataclass(frozen=True, slots=True)
class SourceRecordRow:
    """A source record without its payload."""

    id: UUID
    installation_id: UUID
    stream: str
    external_id: str
    kind: str
    payload_hash: bytes
    observed_at: datetime
    first_seen_at: datetime
    received_at: datetime
    revision: int
    run_id: UUID
    outcome: str
    deleted: bool
    customer_id: UUID | None
    error_code: str | None
    error_en: str | None
    error_zh: str | None
    attempts: int
    trace_id: str | None
    system: str
    owner_id: UUID | None
    department_id: UUID | None
    collaborators: list[UUID] | None
    projects: list[UUID] | None

    @property
    def access(self) -> RowAccess:
        """Whose record it is, as far as row scopes go: its customer's."""
        if self.customer_id is None:
            return NOBODYS
        return RowAccess(
            self.owner_id,
            self.department_id,
            self.collaborators or (),
            self.customer_id,
            self.projects or (),
        )


@dataclass(frozen=True, slots=True)
class Known:
    """What the engine remembers of a record."""

    fingerprint: bytes | None
    payload_hash: bytes
    customer_id: UUID | None
    deleted: bool
    observed_at: datetime


_ELSEWHERE = {
    "system": installation.c.system,
    "owner_id": customer_access.c.owner_id,
    "department_id": customer_access.c.department_id,
    "collaborators": customer_access.c.collaborators,
    "projects": customer_access.c.projects,
}
_COLUMNS = [
    _ELSEWHERE[each] if each in _ELSEWHERE else source_record.c[each]
    for each in SourceRecordRow.__dataclass_fields__
]
ORDER: Order = ((source_record.c.received_at, "desc"), (source_record.c.id, "desc"))
"""The newest first."""


def all_rows(scope: Scope) -> Select[Any]:
    """Records in the scope, to be paged: those of customers the reader may see. A record without
    a customer is seen by those who see everything."""
    return (
        select(*_COLUMNS)
        .join(installation, installation.c.id == source_record.c.installation_id)
        .join(
            customer_access,
            customer_access.c.customer_id == source_record.c.customer_id,
            isouter=True,
        )
        .where(_seen(scope))
    )


def _seen(scope: Scope) -> Any:
    if scope.everything:
        return scope.where(ROWS)
    # Outside the join a row scope would read missing values as "nobody's": pool rows.
    return customer_access.c.customer_id.is_not(None) & scope.where(ROWS)


def by_ids(session: Session, scope: Scope, ids: Sequence[UUID]) -> list[SourceRecordRow | None]:
    """In the order of the ids."""
    found = session.execute(all_rows(scope).where(among(source_record.c.id, ids)))
    return in_order(ids, (SourceRecordRow(*row) for row in found), lambda row: row.id)


def of_customers(
    session: Session, scope: Scope, window: Window, ids: Sequence[UUID]
) -> list[Page[SourceRecordRow]]:
    """The same page of each customer's records, in one query and in the order of the ids."""
    newest = (source_record.c.received_at.desc(), source_record.c.id.desc())
    place = func.row_number().over(partition_by=source_record.c.customer_id, order_by=newest)
    found = (
        all_rows(scope)
        .add_columns(place.label("place"))
        .where(among(source_record.c.customer_id, ids))
    )
    if window.after is not None:
        found = found.where(beyond(ORDER, decode(window.after, ORDER)))
    ranked = found.subquery()
    rows = session.execute(
        select(ranked)
        .where(ranked.c.place <= window.first + 1)
        .order_by(ranked.c.customer_id, ranked.c.place)
    )
    each: dict[UUID, list[SourceRecordRow]] = {id: [] for id in ids}
    for *row, _ in rows:
        one = SourceRecordRow(*row)
        assert one.customer_id is not None, "the query asked by it"
        each[one.customer_id].append(one)
    return [_page(each[id], window) for id in ids]


def _page(rows: list[SourceRecordRow], window: Window) -> Page[SourceRecordRow]:
    shown = rows[: window.first]
    return Page(
        rows=shown,
        cursors=[encode([row.received_at, row.id]) for row in shown],
        has_next=len(rows) > window.first,
        has_previous=window.after is not None,
    )


def payload(session: Session, id: UUID) -> bytes | None:
    """The sealed payload; who may open it is asked before."""
    return session.execute(
        select(source_record.c.payload).where(source_record.c.id == id)
    ).scalar_one_or_none()


def payloads(session: Session, ids: Sequence[UUID]) -> list[bytes | None]:
    """Sealed payloads in the order of the ids."""
    found = session.execute(
        select(source_record.c.id, source_record.c.payload).where(among(source_record.c.id, ids))
    )
    rows = {row[0]: row[1] for row in found}
    return [rows.get(id) for id in ids]


def known(
    session: Session, installation_id: UUID, stream: str, external_ids: Sequence[str]
) -> dict[str, Known]:
    """What is remembered of these records, in one query."""
    table = source_record
    found = session.execute(
        select(
            table.c.external_id,
            table.c.fingerprint,
            table.c.payload_hash,
            table.c.customer_id,
            table.c.deleted,
            table.c.observed_at,
        ).where(
            table.c.installation_id == installation_id,
            table.c.stream == stream,
            among(table.c.external_id, external_ids),
        )
    )
    return {external_id: Known(*rest) for external_id, *rest in found}


def counts_of_absent(
    session: Session, installation_id: UUID, stream: str, run_id: UUID
) -> tuple[int, int]:
    """How many records this run did not see again, and how many there are."""
    table = source_record
    absent, all_of_them = session.execute(
        select(func.count().filter(table.c.seen_run_id != run_id), func.count()).where(
            table.c.installation_id == installation_id,
            table.c.stream == stream,
            table.c.deleted.is_(False),
        )
    ).one()
    return int(absent), int(all_of_them)


def absent(
    session: Session, installation_id: UUID, stream: str, run_id: UUID, most: int
) -> list[tuple[str, str, bytes]]:
    """Some records this run did not see again: external id, kind, sealed payload."""
    table = source_record
    found = session.execute(
        select(table.c.external_id, table.c.kind, table.c.payload)
        .where(
            table.c.installation_id == installation_id,
            table.c.stream == stream,
            table.c.seen_run_id != run_id,
            table.c.deleted.is_(False),
        )
        .order_by(table.c.id)
        .limit(most)
    )
    return [(external_id, kind, sealed) for external_id, kind, sealed in found]
