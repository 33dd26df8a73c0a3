"""Sessions that came of a provider: what it calls them, its tokens for them, and that they ended there."""

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
    """A session with the tokens that its provider gave for it."""

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
    """Remember where a session came from."""
    session.execute(
        insert(provider_session).values(
            session_id=id,
            provider_id=provider,
            issuer=issuer,
            subject=subject,
            provider_sid=provider_sid,
            sealed_tokens=seal.close(orjson.dumps(tokens), _name(id)),
            seal=seal.name,
        )
    )


def of_session(session: Session, seal: Seal, id: SessionId) -> ProviderSessionRow | None:
    """Where a session came from; None: from a password."""
    found = session.execute(
        select(provider_session).where(provider_session.c.session_id == id)
    ).one_or_none()
    if found is None:
        return None
    return ProviderSessionRow(
        SessionId(found.session_id),
        ProviderId(found.provider_id),
        found.issuer,
        found.subject,
        orjson.loads(seal.open(found.sealed_tokens, _name(id))),
        found.answered_at,
    )


def claim(session: Session, id: SessionId, every: timedelta) -> bool:
    """Whether it is time to ask the provider again; True for one caller only."""
    done = session.execute(
        update(provider_session)
        .where(
            provider_session.c.session_id == id,
            provider_session.c.asked_at <= func.now() - every,
        )
        .values(asked_at=func.now())
        .returning(provider_session.c.session_id)
    )
    return done.first() is not None


def answered(session: Session, seal: Seal, id: SessionId, tokens: Mapping[str, Any]) -> None:
    """The provider said that the session goes on; these are its tokens from now on."""
    values = {
        "sealed_tokens": seal.close(orjson.dumps(tokens), _name(id)),
        "seal": seal.name,
        "answered_at": func.now(),
    }
    session.execute(
        update(provider_session).where(provider_session.c.session_id == id).values(values)
    )


def is_silent(session: Session, id: SessionId, longer: timedelta) -> bool:
    """Whether the provider has not answered for so long."""
    found = session.execute(
        select(provider_session.c.session_id).where(
            provider_session.c.session_id == id,
            provider_session.c.answered_at < func.now() - longer,
        )
    )
    return found.first() is not None


def note_logout(session: Session, provider: ProviderId, told: Logout) -> bool:
    """Remember a logout token; False if it was told before."""
    session.execute(delete(provider_logout).where(provider_logout.c.until < func.now()))
    done = session.execute(
        upsert(provider_logout)
        .values(
            provider_id=provider,
            digest=token_digest(told.id),
            subject=told.subject,
            provider_sid=told.session,
            until=func.to_timestamp(told.until),
        )
        .on_conflict_do_nothing()
        .returning(provider_logout.c.digest)
    )
    return done.first() is not None


def logged_out_since(
    session: Session, provider: ProviderId, subject: str, sid: str | None, since: datetime
) -> bool:
    """Whether the provider ended this session of its own between coming back and signing in."""
    named = provider_logout.c.provider_sid
    theirs = and_(named.is_(None), provider_logout.c.subject == subject)
    found = session.execute(
        select(provider_logout.c.digest).where(
            provider_logout.c.provider_id == provider,
            provider_logout.c.at >= since,
            or_(theirs, named == sid) if sid else theirs,
        )
    )
    return found.first() is not None


def end_of(session: Session, provider: ProviderId, told: Logout) -> list[SessionId]:
    """End the sessions that a logout names; answer which."""
    conditions: list[ColumnElement[bool]] = [provider_session.c.provider_id == provider]
    if told.session is not None:
        conditions.append(provider_session.c.provider_sid == told.session)
    if told.subject is not None:
        conditions.append(provider_session.c.subject == told.subject)
    return _end(session, and_(*conditions))


def end_all(session: Session, provider: ProviderId) -> list[SessionId]:
    """End every session that came of a provider; answer which."""
    return _end(session, provider_session.c.provider_id == provider)


def end_of_user(session: Session, provider: ProviderId, whose: UserId) -> list[SessionId]:
    """End the sessions of one user that came of a provider; answer which."""
    return _end(
        session,
        and_(provider_session.c.provider_id == provider, session_.c.user_id == whose),
    )


def _end(session: Session, condition: ColumnElement[bool]) -> list[SessionId]:
    done = session.execute(
        update(session_)
        .where(
            session_.c.id == provider_session.c.session_id,
            condition,
            session_.c.ended_at.is_(None),
        )
        .values(ended_at=func.now(), ending=Ending.PROVIDER_ENDED.value)
        .returning(session_.c.id)
    )
    return [SessionId(id) for id in done.scalars()]


def _name(id: SessionId) -> str:
    return f"provider_session {id}"
