"""The seals of the ledger as rows, and which event has which number."""

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
from identity.ledger.domain.ledger import Header, header_of, split
from identity.ledger.store.audit_event import audit_event, conditions, row as event_of

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
class Sealed:
    """One batch: its header, the header signed, and the hashes of its events."""

    header: Header
    signed: str
    leaves: list[bytes]


def hold(session: Session) -> bool:
    """Whether this transaction may seal; one at a time does, the others need not wait."""
    return bool(session.execute(_TRY_LOCK).scalar_one())


def take_waiting(session: Session, most: int) -> list[AuditEvent]:
    """The next events that have no number yet, in the order in which they became known."""
    first = select(waiting.c.position).order_by(waiting.c.position).limit(most)
    taken = session.execute(
        delete(waiting)
        .where(waiting.c.position.in_(first.scalar_subquery()))
        .returning(waiting.c.position, waiting.c.event_id)
    ).all()
    order = {one.event_id: one.position for one in sorted(taken, key=lambda one: -one.position)}
    rows = session.execute(select(audit_event).where(audit_event.c.id.in_(order)))
    return [event_of(one) for one in sorted(rows, key=lambda one: order[one.id])]


def seconds_waiting(session: Session) -> float:
    """How long the oldest event has waited for its seal."""
    age = func.extract("epoch", func.now() - func.min(waiting.c.at))
    return float(session.execute(select(func.coalesce(age, 0))).scalar_one())


def now(session: Session) -> datetime:
    """The database's clock, which is the only one."""
    found: datetime = session.execute(select(func.now())).scalar_one()
    return found


def add(session: Session, sealed: Sealed, events: Sequence[UUID], at: datetime) -> None:
    """Write a batch down."""
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


def latest(session: Session) -> Sealed | None:
    """The last batch."""
    found = session.execute(select(seal).order_by(seal.c.batch.desc()).limit(1)).one_or_none()
    return _sealed(found) if found else None


def of_batch(session: Session, batch: int) -> Sealed | None:
    """One batch by its number."""
    found = session.execute(select(seal).where(seal.c.batch == batch)).one_or_none()
    return _sealed(found) if found else None


def batches(session: Session, after: int, until: int, most: int) -> list[Sealed]:
    """Some batches in their order."""
    found = session.execute(
        select(seal)
        .where(seal.c.batch > after, seal.c.batch <= until)
        .order_by(seal.c.batch)
        .limit(most)
    )
    return [_sealed(one) for one in found]


def batches_between(
    session: Session, since: datetime | None, until: datetime | None
) -> tuple[int, int]:
    """The first and the last batch sealed in a period, one more at the end: an event is sealed a
    moment after it happened."""
    wanted = select(func.min(seal.c.batch), func.max(seal.c.batch))
    if since is not None:
        wanted = wanted.where(seal.c.sealed_at >= since)
    if until is not None:
        later = select(func.min(seal.c.sealed_at)).where(seal.c.sealed_at >= until)
        wanted = wanted.where(
            seal.c.sealed_at <= func.coalesce(later.scalar_subquery(), func.now())
        )
    first, last = session.execute(wanted).one()
    return (first or 0), (last or -1)


def numbered(
    session: Session, first: int, last: int, wanted: Filter | None = None
) -> Iterator[tuple[int, AuditEvent]]:
    """The events with these numbers, or those of them that somebody asks for."""
    found = session.execute(
        select(leaf.c.sequence, audit_event)
        .join(audit_event, audit_event.c.id == leaf.c.event_id)
        .where(leaf.c.sequence.between(first, last), *conditions(wanted or Filter()))
        .order_by(leaf.c.sequence)
    )
    return ((one.sequence, event_of(one)) for one in found)


def numberless(session: Session) -> Iterator[AuditEvent]:
    """Events that have no number and wait for none: nobody but an intruder writes such."""
    found = session.execute(
        select(audit_event)
        .where(
            ~select(leaf.c.event_id).where(leaf.c.event_id == audit_event.c.id).exists(),
            ~select(waiting.c.event_id).where(waiting.c.event_id == audit_event.c.id).exists(),
        )
        .execution_options(yield_per=500)
    )
    return (event_of(one) for one in found)


def number_of(session: Session, event: UUID) -> tuple[int, int] | None:
    """The number of an event, and its batch; None: it is not sealed yet, or there is none."""
    found = session.execute(
        select(leaf.c.sequence, leaf.c.batch).where(leaf.c.event_id == event)
    ).one_or_none()
    return (found.sequence, found.batch) if found else None


def _sealed(found: Row[Any]) -> Sealed:
    return Sealed(header_of(found.header), found.signed, split(bytes(found.leaves)))
