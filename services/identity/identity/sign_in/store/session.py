"""Sessions and their families of refresh tokens, as rows.

All times are the database's: a server whose clock is wrong still ends sessions when it should.
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
"""PostgreSQL tells listeners here that sessions ended."""
# The longest life that the settings permit an access token, and some room for clocks.
_LONGEST_TOKEN = timedelta(seconds=3600 + 60)

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
    """One sign-in and what became of it."""

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
class Held:
    """A refresh token that somebody shows, its session held until the transaction ends."""

    session: SessionId
    user: UserId
    shown: RefreshTokenState


def open_(
    session: Session,
    user: UserId,
    address: str,
    lasts: timedelta,
    *,
    device: str = "",
    api_client: ApiClientId | None = None,
) -> SessionId:
    """Begin a session."""
    id: UUID = session.execute(
        insert(session_)
        .values(
            user_id=user,
            address=address,
            device=device,
            expires_at=func.now() + lasts,
            api_client_id=api_client,
        )
        .returning(session_.c.id)
    ).scalar_one()
    return SessionId(id)


def issue(session: Session, id: SessionId, digest: bytes, lasts: timedelta) -> None:
    """Add a refresh token to the family; it ends with its session at the latest."""
    until = select(func.least(func.now() + lasts, session_.c.expires_at)).where(session_.c.id == id)
    session.execute(
        insert(refresh_token).values(
            digest=digest, session_id=id, expires_at=until.scalar_subquery()
        )
    )


def held(session: Session, digest: bytes) -> Held | None:
    """What is known of a refresh token; two that show it at once come one after the other."""
    found = session.execute(
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
    if found is None:
        return None
    return Held(
        SessionId(found.id),
        UserId(found.user_id),
        RefreshTokenState(
            used=found.used_at is not None,
            expired=found.expired,
            session_ended=found.ended_at is not None,
            user_active=found.works_here,
        ),
    )


def use(session: Session, digest: bytes) -> None:
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
    """One session."""
    found = session.execute(select(session_).where(session_.c.id == id)).one_or_none()
    return row(found) if found else None


def is_open(session: Session, id: SessionId) -> bool:
    """Whether a session goes on."""
    found = session.execute(
        select(session_.c.id).where(
            session_.c.id == id,
            session_.c.ended_at.is_(None),
            session_.c.expires_at > func.now(),
        )
    )
    return found.first() is not None


def is_younger(session: Session, id: SessionId, than: timedelta) -> bool:
    """Whether somebody signed in as lately as this."""
    found = session.execute(
        select(session_.c.id).where(session_.c.id == id, session_.c.created_at > func.now() - than)
    )
    return found.first() is not None


def listed(session: Session, user: UserId, window: Window, *, open_only: bool) -> Page[SessionRow]:
    """A page of somebody's sessions, the newest first."""
    statement = select(session_).where(session_.c.user_id == user)
    if open_only:
        statement = statement.where(
            session_.c.ended_at.is_(None), session_.c.expires_at > func.now()
        )
    found = page(
        session,
        statement,
        order=[(session_.c.created_at, "desc"), (session_.c.id, "desc")],
        window=window,
    )
    return found.map(row)


def just_ended(session: Session) -> list[SessionId]:
    """Sessions that are over while a token of theirs may still be good."""
    since = func.now() - _LONGEST_TOKEN
    # A program's session lives exactly as long as its token, so its expiry needs no telling.
    expired = select(session_.c.id).where(
        session_.c.expires_at.between(since, func.now()), session_.c.api_client_id.is_(None)
    )
    # Where everybody's ended, their keys were withdrawn, which says it shorter.
    everybody = session_.c.ending == Ending.EVERYBODY_ENDED.value
    ended = select(session_.c.id).where(session_.c.ended_at > since, ~everybody)
    return [SessionId(id) for id in session.execute(ended.union(expired)).scalars()]


def just_withdrawn(session: Session) -> list[str]:
    """Keys that were withdrawn while a token of theirs may still be shown."""
    return signing_keys.just_withdrawn(session, _LONGEST_TOKEN)


def end(session: Session, id: SessionId, ending: Ending) -> bool:
    """End one session with all its tokens; False if it was over already."""
    done = session.execute(
        update(session_)
        .where(session_.c.id == id, session_.c.ended_at.is_(None))
        .values(ended_at=func.now(), ending=ending.value)
        .returning(session_.c.id)
    )
    return done.first() is not None


def end_all(session: Session, user: UserId, ending: Ending, *, but: SessionId | None = None) -> int:
    """End all sessions of a user, or all but one; answer how many."""
    statement = (
        update(session_)
        .where(session_.c.user_id == user, session_.c.ended_at.is_(None))
        .values(ended_at=func.now(), ending=ending.value)
        .returning(session_.c.id)
    )
    if but is not None:
        statement = statement.where(session_.c.id != but)
    return len(session.execute(statement).all())


def end_everybody(session: Session) -> tuple[int, int]:
    """End every session there is; answer how many, and of how many users."""
    done = session.execute(
        update(session_)
        .where(session_.c.ended_at.is_(None), session_.c.expires_at > func.now())
        .values(ended_at=func.now(), ending=Ending.EVERYBODY_ENDED.value)
        .returning(session_.c.user_id)
    )
    users = list(done.scalars())
    return len(users), len(set(users))


def open_everywhere(session: Session) -> tuple[int, int]:
    """How many sessions go on, and of how many users."""
    found = session.execute(
        select(func.count(), func.count(session_.c.user_id.distinct())).where(
            session_.c.ended_at.is_(None), session_.c.expires_at > func.now()
        )
    ).one()
    return int(found[0]), int(found[1])


def end_of_api_client(session: Session, id: ApiClientId) -> int:
    """End all sessions that came of a key; answer how many."""
    done = session.execute(
        update(session_)
        .where(session_.c.api_client_id == id, session_.c.ended_at.is_(None))
        .values(ended_at=func.now(), ending=Ending.KEY_REVOKED.value)
        .returning(session_.c.id)
    )
    return len(done.all())


def forget(session: Session, older: timedelta) -> int:
    """Delete sessions that expired this long ago, with their tokens; answer how many."""
    done = session.execute(
        delete(session_).where(session_.c.expires_at < func.now() - older).returning(session_.c.id)
    )
    return len(done.all())


def row(found: Row[Any]) -> SessionRow:
    """A selected row as a value."""
    return SessionRow(
        id=SessionId(found.id),
        user=UserId(found.user_id),
        address=found.address,
        device=found.device,
        created_at=found.created_at,
        used_at=found.used_at,
        expires_at=found.expires_at,
        ended_at=found.ended_at,
        ending=Ending(found.ending) if found.ending else None,
    )
