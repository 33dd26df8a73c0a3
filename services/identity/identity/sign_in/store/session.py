"""Store sessions and their families of refresh tokens.

All times are those of the database: a server whose clock is wrong still ends sessions on time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

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

from chassis.api.paging import Page, Window, page
from identity.core.domain.ids import ApiClientId, SessionId, UserId
from identity.core.store.metadata import metadata
from identity.people.store.user import WORKS_HERE, user
from identity.sign_in.domain.session import Ending, RefreshTokenState
from identity.sign_in.store import signing_key as signing_keys

CHANNEL = "sessions"
"""The PostgreSQL notification channel that announces ended sessions."""
# The longest lifetime that the settings permit an access token, with some room for clocks.
_MAX_TOKEN_AGE = timedelta(seconds=3600 + 60)

session_ = Table(
    "session",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=func.uuidv7()),
    Column("user_id", Uuid, nullable=False),
    Column("address", Text, nullable=False, server_default=""),
    Column("device", Text, nullable=False, server_default=""),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("used_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("ending", Text),
    Column("api_client_id", Uuid),
)

refresh_token = Table(
    "refresh_token",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("session_id", Uuid, nullable=False),
    Column("issued_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("used_at", DateTime(timezone=True)),
)


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session: a sign-in and how it ended."""

    id: SessionId
    user: UserId
    address: str
    device: str
    created_at: datetime
    used_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    ending: Ending | None


@dataclass(frozen=True, slots=True)
class RefreshTokenRow:
    """A presented refresh token; its session is locked until the transaction ends."""

    session: SessionId
    user: UserId
    state: RefreshTokenState


def open_session(
    session: Session,
    user: UserId,
    address: str,
    lifetime: timedelta,
    *,
    device: str = "",
    api_client: ApiClientId | None = None,
) -> SessionId:
    """Store a new session and return its id."""
    id: UUID = session.execute(
        insert(session_)
        .values(
            user_id=user,
            address=address,
            device=device,
            expires_at=func.now() + lifetime,
            api_client_id=api_client,
        )
        .returning(session_.c.id)
    ).scalar_one()
    return SessionId(id)


def add_refresh_token(session: Session, id: SessionId, digest: bytes, lifetime: timedelta) -> None:
    """Add a refresh token to the family of a session; it expires no later than the session."""
    expires_at = select(func.least(func.now() + lifetime, session_.c.expires_at)).where(
        session_.c.id == id
    )
    session.execute(
        insert(refresh_token).values(
            digest=digest, session_id=id, expires_at=expires_at.scalar_subquery()
        )
    )


def lock_refresh_token(session: Session, digest: bytes) -> RefreshTokenRow | None:
    """Return a refresh token and lock it together with its session.

    Two requests that present it at once are answered one after the other.
    """
    record = session.execute(
        select(
            session_.c.id,
            session_.c.user_id,
            refresh_token.c.used_at,
            (refresh_token.c.expires_at <= func.now()).label("expired"),
            session_.c.ended_at,
            WORKS_HERE.label("works_here"),
        )
        .join(session_, session_.c.id == refresh_token.c.session_id)
        .join(user, user.c.id == session_.c.user_id)
        .where(refresh_token.c.digest == digest)
        .with_for_update(of=[session_, refresh_token])
    ).one_or_none()
    if record is None:
        return None
    return RefreshTokenRow(
        SessionId(record.id),
        UserId(record.user_id),
        RefreshTokenState(
            used=record.used_at is not None,
            expired=record.expired,
            session_ended=record.ended_at is not None,
            user_active=record.works_here,
        ),
    )


def use_refresh_token(session: Session, digest: bytes) -> None:
    """Mark a refresh token as used, and its session as used now."""
    family = (
        update(refresh_token)
        .where(refresh_token.c.digest == digest)
        .values(used_at=func.now())
        .returning(refresh_token.c.session_id)
    )
    id = session.execute(family).scalar_one()
    session.execute(update(session_).where(session_.c.id == id).values(used_at=func.now()))


def by_id(session: Session, id: SessionId) -> SessionRow | None:
    """Return a session, or None."""
    record = session.execute(select(session_).where(session_.c.id == id)).one_or_none()
    return _session_row(record) if record else None


def is_open(session: Session, id: SessionId) -> bool:
    """Return whether a session is neither ended nor expired."""
    matches = session.execute(
        select(session_.c.id).where(
            session_.c.id == id,
            session_.c.ended_at.is_(None),
            session_.c.expires_at > func.now(),
        )
    )
    return matches.first() is not None


def began_within(session: Session, id: SessionId, age: timedelta) -> bool:
    """Return whether a session began less than this long ago."""
    matches = session.execute(
        select(session_.c.id).where(session_.c.id == id, session_.c.created_at > func.now() - age)
    )
    return matches.first() is not None


def list_sessions(
    session: Session, user: UserId, window: Window, *, open_only: bool
) -> Page[SessionRow]:
    """Return a page of the sessions of a user, the newest first."""
    statement = select(session_).where(session_.c.user_id == user)
    if open_only:
        statement = statement.where(
            session_.c.ended_at.is_(None), session_.c.expires_at > func.now()
        )
    records = page(
        session,
        statement,
        order=[(session_.c.created_at, "desc"), (session_.c.id, "desc")],
        window=window,
    )
    return records.map(_session_row)


def recently_ended(session: Session) -> list[SessionId]:
    """Return the sessions that are over while one of their access tokens may still be valid."""
    since = func.now() - _MAX_TOKEN_AGE
    # The session of an API client expires together with its token: nothing to publish.
    expired = select(session_.c.id).where(
        session_.c.expires_at.between(since, func.now()), session_.c.api_client_id.is_(None)
    )
    # Where every session was ended, the keys were withdrawn too, which is shorter to publish.
    everyone = session_.c.ending == Ending.EVERYBODY_ENDED.value
    ended = select(session_.c.id).where(session_.c.ended_at > since, ~everyone)
    return [SessionId(id) for id in session.execute(ended.union(expired)).scalars()]


def recently_withdrawn_keys(session: Session) -> list[str]:
    """Return the ids of withdrawn keys whose access tokens may still be presented."""
    return signing_keys.recently_withdrawn(session, _MAX_TOKEN_AGE)


def end(session: Session, id: SessionId, ending: Ending) -> bool:
    """End a session with all its tokens; return False if it was over already."""
    updated = session.execute(
        update(session_)
        .where(session_.c.id == id, session_.c.ended_at.is_(None))
        .values(ended_at=func.now(), ending=ending.value)
        .returning(session_.c.id)
    )
    return updated.first() is not None


def end_all(
    session: Session, user: UserId, ending: Ending, *, except_id: SessionId | None = None
) -> int:
    """End all sessions of a user, except one if given, and return how many ended."""
    statement = (
        update(session_)
        .where(session_.c.user_id == user, session_.c.ended_at.is_(None))
        .values(ended_at=func.now(), ending=ending.value)
        .returning(session_.c.id)
    )
    if except_id is not None:
        statement = statement.where(session_.c.id != except_id)
    return len(session.execute(statement).all())


def end_every_session(session: Session) -> tuple[int, int]:
    """End every open session; return how many sessions, and of how many users."""
    updated = session.execute(
        update(session_)
        .where(session_.c.ended_at.is_(None), session_.c.expires_at > func.now())
        .values(ended_at=func.now(), ending=Ending.EVERYBODY_ENDED.value)
        .returning(session_.c.user_id)
    )
    user_ids = list(updated.scalars())
    return len(user_ids), len(set(user_ids))


def count_open(session: Session) -> tuple[int, int]:
    """Return how many sessions are open, and of how many users."""
    counts = session.execute(
        select(func.count(), func.count(session_.c.user_id.distinct())).where(
            session_.c.ended_at.is_(None), session_.c.expires_at > func.now()
        )
    ).one()
    return int(counts[0]), int(counts[1])


def end_of_api_client(session: Session, id: ApiClientId) -> int:
    """End all sessions that began with an API key and return how many ended."""
    updated = session.execute(
        update(session_)
        .where(session_.c.api_client_id == id, session_.c.ended_at.is_(None))
        .values(ended_at=func.now(), ending=Ending.KEY_REVOKED.value)
        .returning(session_.c.id)
    )
    return len(updated.all())


def delete_expired(session: Session, age: timedelta) -> int:
    """Delete sessions that expired this long ago, with their tokens, and return how many."""
    deleted = session.execute(
        delete(session_).where(session_.c.expires_at < func.now() - age).returning(session_.c.id)
    )
    return len(deleted.all())


def _session_row(record: Row[Any]) -> SessionRow:
    """Build a session from a selected row."""
    return SessionRow(
        id=SessionId(record.id),
        user=UserId(record.user_id),
        address=record.address,
        device=record.device,
        created_at=record.created_at,
        used_at=record.used_at,
        expires_at=record.expires_at,
        ended_at=record.ended_at,
        ending=Ending(record.ending) if record.ending else None,
    )
