"""Source records: a record as an outside system has it, sealed, and its link to a customer."""

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
from integrations.access.store import NO_CUSTOMER, ROWS, customer_access
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
    # Null until the customer pool has accepted the record: a rejected one is delivered again.
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

# A merge moves links; an unmerge moves exactly these back.
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
        """Return what row scopes need: the access data of the record's customer."""
        if self.customer_id is None:
            return NO_CUSTOMER
        return RowAccess(
            self.owner_id,
            self.department_id,
            self.collaborators or (),
            self.customer_id,
            self.projects or (),
        )


@dataclass(frozen=True, slots=True)
class RecordState:
    """What a run compares a record with."""

    fingerprint: bytes | None
    payload_hash: bytes
    customer_id: UUID | None
    deleted: bool
    observed_at: datetime


_JOINED = {
    "system": installation.c.system,
    "owner_id": customer_access.c.owner_id,
    "department_id": customer_access.c.department_id,
    "collaborators": customer_access.c.collaborators,
    "projects": customer_access.c.projects,
}
_COLUMNS = [
    _JOINED[name] if name in _JOINED else source_record.c[name]
    for name in SourceRecordRow.__dataclass_fields__
]
ORDER: Order = ((source_record.c.received_at, "desc"), (source_record.c.id, "desc"))
"""Newest first."""


def all_rows(scope: Scope) -> Select[Any]:
    """Return the statement for records of customers in the scope, to be paged.

    A record without a customer is visible only to a scope that reaches every row.
    """
    return (
        select(*_COLUMNS)
        .join(installation, installation.c.id == source_record.c.installation_id)
        .join(
            customer_access,
            customer_access.c.customer_id == source_record.c.customer_id,
            isouter=True,
        )
        .where(_is_visible(scope))
    )


def _is_visible(scope: Scope) -> Any:
    if scope.everything:
        return scope.where(ROWS)
    # Outside the join a row scope would take missing values for rows of the pool.
    return customer_access.c.customer_id.is_not(None) & scope.where(ROWS)


def by_ids(session: Session, scope: Scope, ids: Sequence[UUID]) -> list[SourceRecordRow | None]:
    """Return records in the order of the ids, `None` for those outside the scope."""
    rows = session.execute(all_rows(scope).where(among(source_record.c.id, ids)))
    return in_order(ids, (SourceRecordRow(*row) for row in rows), lambda row: row.id)


def of_customers(
    session: Session, scope: Scope, window: Window, ids: Sequence[UUID]
) -> list[Page[SourceRecordRow]]:
    """Return the same page of each customer's records, by one query, in the order of the ids."""
    newest = (source_record.c.received_at.desc(), source_record.c.id.desc())
    rank = func.row_number().over(partition_by=source_record.c.customer_id, order_by=newest)
    statement = (
        all_rows(scope)
        .add_columns(rank.label("rank"))
        .where(among(source_record.c.customer_id, ids))
    )
    if window.after is not None:
        statement = statement.where(beyond(ORDER, decode(window.after, ORDER)))
    ranked = statement.subquery()
    rows = session.execute(
        select(ranked)
        .where(ranked.c.rank <= window.first + 1)
        .order_by(ranked.c.customer_id, ranked.c.rank)
    )
    records: dict[UUID, list[SourceRecordRow]] = {id: [] for id in ids}
    for *values, _ in rows:
        row = SourceRecordRow(*values)
        assert row.customer_id is not None, "the query filters by it"
        records[row.customer_id].append(row)
    return [_page(records[id], window) for id in ids]


def _page(rows: list[SourceRecordRow], window: Window) -> Page[SourceRecordRow]:
    shown = rows[: window.first]
    return Page(
        rows=shown,
        cursors=[encode([row.received_at, row.id]) for row in shown],
        has_next=len(rows) > window.first,
        has_previous=window.after is not None,
    )


def payloads(session: Session, ids: Sequence[UUID]) -> list[bytes | None]:
    """Return sealed payloads in the order of the ids."""
    result = session.execute(
        select(source_record.c.id, source_record.c.payload).where(among(source_record.c.id, ids))
    )
    rows = {row[0]: row[1] for row in result}
    return [rows.get(id) for id in ids]


def states(
    session: Session, installation_id: UUID, stream: str, external_ids: Sequence[str]
) -> dict[str, RecordState]:
    """Return the stored states of records by external id, by one query."""
    table = source_record
    rows = session.execute(
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
    return {external_id: RecordState(*values) for external_id, *values in rows}


def counts_of_absent(
    session: Session, installation_id: UUID, stream: str, run_id: UUID
) -> tuple[int, int]:
    """Return how many records this run did not list, and how many are stored."""
    table = source_record
    absent, present = session.execute(
        select(func.count().filter(table.c.seen_run_id != run_id), func.count()).where(
            table.c.installation_id == installation_id,
            table.c.stream == stream,
            table.c.deleted.is_(False),
        )
    ).one()
    return int(absent), int(present)


def absent(
    session: Session, installation_id: UUID, stream: str, run_id: UUID, limit: int
) -> list[tuple[str, str, bytes]]:
    """Return records this run did not list: external id, kind, sealed payload."""
    table = source_record
    rows = session.execute(
        select(table.c.external_id, table.c.kind, table.c.payload)
        .where(
            table.c.installation_id == installation_id,
            table.c.stream == stream,
            table.c.seen_run_id != run_id,
            table.c.deleted.is_(False),
        )
        .order_by(table.c.id)
        .limit(limit)
    )
    return [(external_id, kind, sealed) for external_id, kind, sealed in rows]
