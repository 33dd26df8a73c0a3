"""The keys that access tokens are signed with, as rows; private halves only sealed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Column,
    DateTime,
    LargeBinary,
    Row,
    Table,
    Text,
    func,
    insert,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from identity.core.store.metadata import metadata

signing_key = Table(
    "signing_key",
    metadata,
    Column("id", Text, primary_key=True),
    Column("public_key", JSONB, nullable=False),
    Column("sealed_key", LargeBinary, nullable=False),
    Column("seal", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("signs_from", DateTime(timezone=True), nullable=False),
    Column("published_until", DateTime(timezone=True)),
    Column("withdrawn_at", DateTime(timezone=True)),
)
_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('identity signing key'))")


@dataclass(frozen=True, slots=True)
class SigningKeyRow:
    """One key; `seal` names the secret that opens it."""

    id: str
    sealed_key: bytes
    seal: str
    created_at: datetime


def hold(session: Session) -> None:
    """One rotation at a time."""
    session.execute(_LOCK)


def present(session: Session) -> SigningKeyRow | None:
    """The key that signs now: the newest whose time has come."""
    found = session.execute(
        select(signing_key)
        .where(signing_key.c.signs_from <= func.now(), _published())
        .order_by(signing_key.c.signs_from.desc(), signing_key.c.id)
        .limit(1)
    ).one_or_none()
    return _row(found) if found else None


def newest_is_older(session: Session, age: timedelta) -> bool:
    """Whether every key was made longer ago than this."""
    newest = session.execute(
        select(func.max(signing_key.c.created_at) < func.now() - age)
    ).scalar_one()
    return newest is None or bool(newest)


def published(session: Session) -> list[dict[str, Any]]:
    """The public halves of all keys whose tokens may still be believed."""
    found = session.execute(
        select(signing_key.c.public_key).where(_published()).order_by(signing_key.c.created_at)
    )
    return [dict(key) for key in found.scalars()]


def ever(session: Session) -> list[dict[str, Any]]:
    """The public halves of all keys there have been: what they signed may be looked at in years."""
    found = session.execute(
        select(signing_key.c.public_key).order_by(signing_key.c.created_at, signing_key.c.id)
    )
    return [dict(key) for key in found.scalars()]


def _published() -> Any:
    return or_(signing_key.c.published_until.is_(None), signing_key.c.published_until > func.now())


def add(
    session: Session,
    *,
    id: str,
    public_key: dict[str, Any],
    sealed_key: bytes,
    seal: str,
    signs_after: timedelta,
) -> None:
    """Publish a new key that signs after a while."""
    session.execute(
        insert(signing_key).values(
            id=id,
            public_key=public_key,
            sealed_key=sealed_key,
            seal=seal,
            signs_from=func.now() + signs_after,
        )
    )


def retire_others(session: Session, id: str, after: timedelta) -> None:
    """Let all other keys be believed only for this long."""
    session.execute(
        update(signing_key)
        .where(signing_key.c.id != id, signing_key.c.published_until.is_(None))
        .values(published_until=func.now() + after)
    )


def withdraw_all(session: Session) -> list[str]:
    """Let no key be believed any more; answer which were."""
    done = session.execute(
        update(signing_key)
        .where(_published())
        .values(published_until=func.now(), withdrawn_at=func.now())
        .returning(signing_key.c.id)
    )
    return list(done.scalars())


def just_withdrawn(session: Session, longest_token: timedelta) -> list[str]:
    """Keys that were withdrawn while a token of theirs may still be shown."""
    found = session.execute(
        select(signing_key.c.id).where(signing_key.c.withdrawn_at > func.now() - longest_token)
    )
    return list(found.scalars())


def _row(found: Row[Any]) -> SigningKeyRow:
    return SigningKeyRow(found.id, bytes(found.sealed_key), found.seal, found.created_at)
