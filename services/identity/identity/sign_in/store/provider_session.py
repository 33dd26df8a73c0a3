"""Store which sessions began at a provider.

A row holds what the provider calls the session and its sealed tokens; logouts that the provider
sent are stored beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import (
    Column,
    ColumnElement,
    DateTime,
    LargeBinary,
    Table,
    Text,
    Uuid,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from identity.core.domain.ids import ProviderId, SessionId, UserId
from identity.core.domain.seal import Seal
from identity.core.store.metadata import metadata
from identity.sign_in.domain.id_token import Logout
from identity.sign_in.domain.session import Ending
from identity.sign_in.domain.token import token_digest
from identity.sign_in.store.session import session_

provider_session = Table(
    "provider_session",
    metadata,
    Column("session_id", Uuid, primary_key=True),
    Column("provider_id", Uuid, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("provider_sid", Text),
    Column("sealed_tokens", LargeBinary, nullable=False),
    Column("seal", Text, nullable=False),
    Column("asked_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("answered_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

provider_logout = Table(
    "provider_logout",
    metadata,
    Column("provider_id", Uuid, primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
    Column("subject", Text),
    Column("provider_sid", Text),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("until", DateTime(timezone=True), nullable=False),
)


@dataclass(frozen=True, slots=True)
class ProviderSessionRow:
    """A session with the tokens that its provider issued for it."""

    session: SessionId
    provider: ProviderId
    issuer: str
    subject: str
    tokens: Mapping[str, Any]
    answered_at: datetime


def add(
    session: Session,
    seal: Seal,
    id: SessionId,
    provider: ProviderId,
    *,
    issuer: str,
    subject: str,
    provider_sid: str | None,
    tokens: Mapping[str, Any],
) -> None:
    """Store which provider a session began at."""
    session.execute(
        insert(provider_session).values(
            session_id=id,
            provider_id=provider,
            issuer=issuer,
            subject=subject,
            provider_sid=provider_sid,
            sealed_tokens=seal.close(orjson.dumps(tokens), _seal_name(id)),
            seal=seal.name,
        )
    )


def of_session(session: Session, seal: Seal, id: SessionId) -> ProviderSessionRow | None:
    """Return the provider session of a session; None if it began with a password."""
    record = session.execute(
        select(provider_session).where(provider_session.c.session_id == id)
    ).one_or_none()
    if record is None:
        return None
    return ProviderSessionRow(
        SessionId(record.session_id),
        ProviderId(record.provider_id),
        record.issuer,
        record.subject,
        orjson.loads(seal.open(record.sealed_tokens, _seal_name(id))),
        record.answered_at,
    )


def claim_check(session: Session, id: SessionId, interval: timedelta) -> bool:
    """Return whether the provider is due to be asked again; True for one caller only."""
    updated = session.execute(
        update(provider_session)
        .where(
            provider_session.c.session_id == id,
            provider_session.c.asked_at <= func.now() - interval,
        )
        .values(asked_at=func.now())
        .returning(provider_session.c.session_id)
    )
    return updated.first() is not None


def record_answer(session: Session, seal: Seal, id: SessionId, tokens: Mapping[str, Any]) -> None:
    """Record that the provider confirmed the session, with its new tokens."""
    values = {
        "sealed_tokens": seal.close(orjson.dumps(tokens), _seal_name(id)),
        "seal": seal.name,
        "answered_at": func.now(),
    }
    session.execute(
        update(provider_session).where(provider_session.c.session_id == id).values(values)
    )


def is_silent(session: Session, id: SessionId, period: timedelta) -> bool:
    """Return whether the provider has not confirmed the session for a period."""
    matches = session.execute(
        select(provider_session.c.session_id).where(
            provider_session.c.session_id == id,
            provider_session.c.answered_at < func.now() - period,
        )
    )
    return matches.first() is not None


def record_logout(session: Session, provider: ProviderId, logout: Logout) -> bool:
    """Store a logout token; return False if it was received before."""
    session.execute(delete(provider_logout).where(provider_logout.c.until < func.now()))
    inserted = session.execute(
        upsert(provider_logout)
        .values(
            provider_id=provider,
            digest=token_digest(logout.id),
            subject=logout.subject,
            provider_sid=logout.session,
            until=func.to_timestamp(logout.until),
        )
        .on_conflict_do_nothing()
        .returning(provider_logout.c.digest)
    )
    return inserted.first() is not None


def logged_out_since(
    session: Session, provider: ProviderId, subject: str, sid: str | None, since: datetime
) -> bool:
    """Return whether the provider ended its session between the redirect back and the sign-in."""
    logout_sid = provider_logout.c.provider_sid
    of_subject = and_(logout_sid.is_(None), provider_logout.c.subject == subject)
    matches = session.execute(
        select(provider_logout.c.digest).where(
            provider_logout.c.provider_id == provider,
            provider_logout.c.at >= since,
            or_(of_subject, logout_sid == sid) if sid else of_subject,
        )
    )
    return matches.first() is not None


def end_logged_out(session: Session, provider: ProviderId, logout: Logout) -> list[SessionId]:
    """End the sessions that a logout names and return their ids."""
    conditions: list[ColumnElement[bool]] = [provider_session.c.provider_id == provider]
    if logout.session is not None:
        conditions.append(provider_session.c.provider_sid == logout.session)
    if logout.subject is not None:
        conditions.append(provider_session.c.subject == logout.subject)
    return _end(session, and_(*conditions))


def end_all(session: Session, provider: ProviderId) -> list[SessionId]:
    """End every session that began at a provider and return their ids."""
    return _end(session, provider_session.c.provider_id == provider)


def end_of_user(session: Session, provider: ProviderId, user_id: UserId) -> list[SessionId]:
    """End the sessions of a user that began at a provider and return their ids."""
    return _end(
        session,
        and_(provider_session.c.provider_id == provider, session_.c.user_id == user_id),
    )


def _end(session: Session, condition: ColumnElement[bool]) -> list[SessionId]:
    updated = session.execute(
        update(session_)
        .where(
            session_.c.id == provider_session.c.session_id,
            condition,
            session_.c.ended_at.is_(None),
        )
        .values(ended_at=func.now(), ending=Ending.PROVIDER_ENDED.value)
        .returning(session_.c.id)
    )
    return [SessionId(id) for id in updated.scalars()]


def _seal_name(id: SessionId) -> str:
    return f"provider_session {id}"
