"""Store the seals of the ledger, and the number of each event."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Integer,
    LargeBinary,
    Row,
    Table,
    Text,
    Uuid,
    delete,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from identity.core.store.metadata import metadata
from identity.ledger.domain.audit_event import AuditEvent, Filter
from identity.ledger.domain.ledger import Header, parse_header, split_leaves
from identity.ledger.store.audit_event import audit_event, conditions, event_row

waiting = Table(
    "audit_waiting",
    metadata,
    Column("position", BigInteger, Identity(always=True), primary_key=True),
    Column("event_id", Uuid, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
leaf = Table(
    "audit_leaf",
    metadata,
    Column("sequence", BigInteger, primary_key=True),
    Column("event_id", Uuid, nullable=False, unique=True),
    Column("batch", BigInteger, nullable=False),
)
seal = Table(
    "audit_seal",
    metadata,
    Column("batch", BigInteger, primary_key=True),
    Column("first", BigInteger, nullable=False),
    Column("size", Integer, nullable=False),
    Column("header", JSONB, nullable=False),
    Column("signed", Text, nullable=False),
    Column("leaves", LargeBinary, nullable=False),
    Column("sealed_at", DateTime(timezone=True), nullable=False),
)
_TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtext('audit ledger'))")


@dataclass(frozen=True, slots=True)
class SealedBatch:
    """A batch: its header, the signed head, and the leaf hashes of its events."""

    header: Header
    signed: str
    leaves: list[bytes]


def try_lock(session: Session) -> bool:
    """Return whether this transaction may seal; one at a time may, and the others need not wait."""
    return bool(session.execute(_TRY_LOCK).scalar_one())


def take_waiting(session: Session, limit: int) -> list[AuditEvent]:
    """Return the next events without a number, in the order in which they arrived."""
    first = select(waiting.c.position).order_by(waiting.c.position).limit(limit)
    waiting_records = session.execute(
        delete(waiting)
        .where(waiting.c.position.in_(first.scalar_subquery()))
        .returning(waiting.c.position, waiting.c.event_id)
    ).all()
    order = {
        record.event_id: record.position
        for record in sorted(waiting_records, key=lambda record: -record.position)
    }
    rows = session.execute(select(audit_event).where(audit_event.c.id.in_(order)))
    return [event_row(record) for record in sorted(rows, key=lambda record: order[record.id])]


def seconds_waiting(session: Session) -> float:
    """Return how long the oldest event has waited for its seal."""
    age = func.extract("epoch", func.now() - func.min(waiting.c.at))
    return float(session.execute(select(func.coalesce(age, 0))).scalar_one())


def database_time(session: Session) -> datetime:
    """Return the time of the database's clock, which alone counts."""
    database_time: datetime = session.execute(select(func.now())).scalar_one()
    return database_time


def add(session: Session, sealed: SealedBatch, events: Sequence[UUID], at: datetime) -> None:
    """Store a batch and number its events."""
    header = sealed.header
    session.execute(
        insert(seal).values(
            batch=header.batch,
            first=header.first,
            size=header.size,
            header=asdict(header),
            signed=sealed.signed,
            leaves=b"".join(sealed.leaves),
            sealed_at=at,
        )
    )
    session.execute(
        insert(leaf),
        [
            {"sequence": header.first + i, "event_id": id, "batch": header.batch}
            for i, id in enumerate(events)
        ],
    )


def latest(session: Session) -> SealedBatch | None:
    """Return the last batch, or None."""
    record = session.execute(select(seal).order_by(seal.c.batch.desc()).limit(1)).one_or_none()
    return _sealed_row(record) if record else None


def by_number(session: Session, batch: int) -> SealedBatch | None:
    """Return a batch by its number, or None."""
    record = session.execute(select(seal).where(seal.c.batch == batch)).one_or_none()
    return _sealed_row(record) if record else None


def list_batches(session: Session, after: int, until: int, limit: int) -> list[SealedBatch]:
    """Return the next batches after a number, in order."""
    records = session.execute(
        select(seal)
        .where(seal.c.batch > after, seal.c.batch <= until)
        .order_by(seal.c.batch)
        .limit(limit)
    )
    return [_sealed_row(record) for record in records]


def batch_range(
    session: Session, since: datetime | None, until: datetime | None
) -> tuple[int, int]:
    """Return the numbers of the first and last batch sealed in a period; (0, -1) if there is none.

    One more batch is included at the end, since an event is sealed a moment after it happened.
    """
    statement = select(func.min(seal.c.batch), func.max(seal.c.batch))
    if since is not None:
        statement = statement.where(seal.c.sealed_at >= since)
    if until is not None:
        first_later = select(func.min(seal.c.sealed_at)).where(seal.c.sealed_at >= until)
        statement = statement.where(
            seal.c.sealed_at <= func.coalesce(first_later.scalar_subquery(), func.now())
        )
    first, last = session.execute(statement).one()
    return (first or 0), (last or -1)


def numbered_events(
    session: Session, first: int, last: int, filter: Filter | None = None
) -> Iterator[tuple[int, AuditEvent]]:
    """Yield the events with these numbers that match a filter, with their numbers."""
    records = session.execute(
        select(leaf.c.sequence, audit_event)
        .join(audit_event, audit_event.c.id == leaf.c.event_id)
        .where(leaf.c.sequence.between(first, last), *conditions(filter or Filter()))
        .order_by(leaf.c.sequence)
    )
    return ((record.sequence, event_row(record)) for record in records)


def unnumbered_events(session: Session) -> Iterator[AuditEvent]:
    """Yield events that have no number and wait for none.

    Only an intruder with access to the database writes such events.
    """
    records = session.execute(
        select(audit_event)
        .where(
            ~select(leaf.c.event_id).where(leaf.c.event_id == audit_event.c.id).exists(),
            ~select(waiting.c.event_id).where(waiting.c.event_id == audit_event.c.id).exists(),
        )
        .execution_options(yield_per=500)
    )
    return (event_row(record) for record in records)


def number_and_batch(session: Session, event_id: UUID) -> tuple[int, int] | None:
    """Return the number of an event and of its batch; None if it is unknown or not sealed yet."""
    record = session.execute(
        select(leaf.c.sequence, leaf.c.batch).where(leaf.c.event_id == event_id)
    ).one_or_none()
    return (record.sequence, record.batch) if record else None


def _sealed_row(record: Row[Any]) -> SealedBatch:
    return SealedBatch(
        parse_header(record.header), record.signed, split_leaves(bytes(record.leaves))
    )
