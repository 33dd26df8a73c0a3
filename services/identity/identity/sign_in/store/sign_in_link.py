"""For whom a provider vouches, and the tickets between coming back from it and being signed in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import (
    Column,
    DateTime,
    LargeBinary,
    Row,
    Table,
    Text,
    Uuid,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.orm import Session

from identity.core.domain.ids import ProviderId, SignInLinkId, UserId
from identity.core.domain.seal import Seal
from identity.core.store.metadata import metadata

link = Table(
    "sign_in_link",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=func.uuidv7()),
    Column("user_id", Uuid, nullable=False),
    Column("provider_id", Uuid, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("used_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

ticket = Table(
    "sign_in_ticket",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("provider_id", Uuid, nullable=False),
    Column("challenge", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("seal", Text, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
)


@dataclass(frozen=True, slots=True)
class LinkRow:
    """A provider's subject that is somebody here."""

    id: SignInLinkId
    user: UserId
    provider: ProviderId
    issuer: str
    created_at: datetime
    used_at: datetime


@dataclass(frozen=True, slots=True)
class TicketRow:
    """What a provider said of somebody who is not signed in yet."""

    provider: ProviderId
    challenge: str
    said: Mapping[str, Any]


def find(session: Session, provider: ProviderId, issuer: str, subject: str) -> LinkRow | None:
    """Whose a subject is, held until the transaction ends."""
    found = session.execute(
        select(link)
        .where(link.c.provider_id == provider, link.c.issuer == issuer, link.c.subject == subject)
        .with_for_update()
    ).one_or_none()
    return row(found) if found else None


def of_user(session: Session, whose: UserId) -> list[LinkRow]:
    """By which providers somebody comes in."""
    found = session.execute(select(link).where(link.c.user_id == whose).order_by(link.c.id))
    return [row(one) for one in found]


def by_id(session: Session, id: SignInLinkId) -> LinkRow | None:
    """One link."""
    found = session.execute(select(link).where(link.c.id == id)).one_or_none()
    return row(found) if found else None


def add(
    session: Session, whose: UserId, provider: ProviderId, issuer: str, subject: str
) -> SignInLinkId:
    """Let a subject be somebody here."""
    id: UUID = session.execute(
        insert(link)
        .values(user_id=whose, provider_id=provider, issuer=issuer, subject=subject)
        .returning(link.c.id)
    ).scalar_one()
    return SignInLinkId(id)


def note_use(session: Session, id: SignInLinkId) -> None:
    """Remember that somebody came in by it."""
    session.execute(update(link).where(link.c.id == id).values(used_at=func.now()))


def remove(session: Session, id: SignInLinkId) -> bool:
    """Let a subject be nobody here; False if it was nobody."""
    done = session.execute(delete(link).where(link.c.id == id).returning(link.c.id))
    return done.first() is not None


def add_ticket(
    session: Session,
    seal: Seal,
    digest: bytes,
    provider: ProviderId,
    challenge: str,
    said: Mapping[str, Any],
    lasts: timedelta,
) -> None:
    """Keep what a provider said, for the one who shows the ticket."""
    session.execute(
        insert(ticket).values(
            digest=digest,
            provider_id=provider,
            challenge=challenge,
            sealed=seal.close(orjson.dumps(said), _name(digest)),
            seal=seal.name,
            expires_at=func.now() + lasts,
        )
    )
    session.execute(delete(ticket).where(ticket.c.expires_at < func.now() - timedelta(hours=1)))


def show_ticket(session: Session, seal: Seal, digest: bytes) -> TicketRow | None:
    """What a ticket is for, held until the transaction ends."""
    found = session.execute(
        select(ticket)
        .where(ticket.c.digest == digest, ticket.c.expires_at > func.now())
        .with_for_update()
    ).one_or_none()
    if found is None:
        return None
    said = orjson.loads(seal.open(found.sealed, _name(digest)))
    return TicketRow(ProviderId(found.provider_id), found.challenge, said)


def use_ticket(session: Session, digest: bytes) -> None:
    """A ticket is good once."""
    session.execute(delete(ticket).where(ticket.c.digest == digest))


def row(found: Row[Any]) -> LinkRow:
    """A selected row as a value."""
    return LinkRow(
        id=SignInLinkId(found.id),
        user=UserId(found.user_id),
        provider=ProviderId(found.provider_id),
        issuer=found.issuer,
        created_at=found.created_at,
        used_at=found.used_at,
    )


def _name(digest: bytes) -> str:
    return f"sign_in_ticket {digest.hex()}"
