"""Store the links between users and their accounts at providers, and sign-in tickets.

A ticket stands between the redirect back from a provider and the session.
"""

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
    """The link between a user and a subject at a provider."""

    id: SignInLinkId
    user: UserId
    provider: ProviderId
    issuer: str
    created_at: datetime
    used_at: datetime


@dataclass(frozen=True, slots=True)
class TicketRow:
    """An opened ticket: what a provider stated of a user who is not signed in yet."""

    provider: ProviderId
    challenge: str
    content: Mapping[str, Any]


def lock_by_subject(
    session: Session, provider: ProviderId, issuer: str, subject: str
) -> LinkRow | None:
    """Return the link of a subject at a provider and lock its row."""
    record = session.execute(
        select(link)
        .where(link.c.provider_id == provider, link.c.issuer == issuer, link.c.subject == subject)
        .with_for_update()
    ).one_or_none()
    return _link_row(record) if record else None


def of_user(session: Session, user_id: UserId) -> list[LinkRow]:
    """Return the provider links of a user, the oldest first."""
    records = session.execute(select(link).where(link.c.user_id == user_id).order_by(link.c.id))
    return [_link_row(record) for record in records]


def by_id(session: Session, id: SignInLinkId) -> LinkRow | None:
    """Return a link, or None."""
    record = session.execute(select(link).where(link.c.id == id)).one_or_none()
    return _link_row(record) if record else None


def add(
    session: Session, user_id: UserId, provider: ProviderId, issuer: str, subject: str
) -> SignInLinkId:
    """Link a subject at a provider to a user and return the id of the link."""
    id: UUID = session.execute(
        insert(link)
        .values(user_id=user_id, provider_id=provider, issuer=issuer, subject=subject)
        .returning(link.c.id)
    ).scalar_one()
    return SignInLinkId(id)


def record_use(session: Session, id: SignInLinkId) -> None:
    """Record a sign-in through a link."""
    session.execute(update(link).where(link.c.id == id).values(used_at=func.now()))


def remove(session: Session, id: SignInLinkId) -> bool:
    """Delete a link; return False if there was none."""
    deleted = session.execute(delete(link).where(link.c.id == id).returning(link.c.id))
    return deleted.first() is not None


def add_ticket(
    session: Session,
    seal: Seal,
    digest: bytes,
    provider: ProviderId,
    challenge: str,
    content: Mapping[str, Any],
    lifetime: timedelta,
) -> None:
    """Store a ticket with its sealed content, and delete tickets that expired an hour ago."""
    session.execute(
        insert(ticket).values(
            digest=digest,
            provider_id=provider,
            challenge=challenge,
            sealed=seal.close(orjson.dumps(content), _seal_name(digest)),
            seal=seal.name,
            expires_at=func.now() + lifetime,
        )
    )
    session.execute(delete(ticket).where(ticket.c.expires_at < func.now() - timedelta(hours=1)))


def lock_ticket(session: Session, seal: Seal, digest: bytes) -> TicketRow | None:
    """Return an open ticket and lock its row until the transaction ends."""
    record = session.execute(
        select(ticket)
        .where(ticket.c.digest == digest, ticket.c.expires_at > func.now())
        .with_for_update()
    ).one_or_none()
    if record is None:
        return None
    content = orjson.loads(seal.open(record.sealed, _seal_name(digest)))
    return TicketRow(ProviderId(record.provider_id), record.challenge, content)


def delete_ticket(session: Session, digest: bytes) -> None:
    """Delete a ticket, so that it is valid once only."""
    session.execute(delete(ticket).where(ticket.c.digest == digest))


def _link_row(record: Row[Any]) -> LinkRow:
    """Build a link from a selected row."""
    return LinkRow(
        id=SignInLinkId(record.id),
        user=UserId(record.user_id),
        provider=ProviderId(record.provider_id),
        issuer=record.issuer,
        created_at=record.created_at,
        used_at=record.used_at,
    )


def _seal_name(digest: bytes) -> str:
    return f"sign_in_ticket {digest.hex()}"
