"""Store the keys that sign access tokens; private keys are sealed."""

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
    """A signing key; `seal` names the secret that opens it."""

    id: str
    sealed_key: bytes
    seal: str
    created_at: datetime


def lock_rotation(session: Session) -> None:
    """Take the lock that lets one key rotation run at a time."""
    session.execute(_LOCK)


def current(session: Session) -> SigningKeyRow | None:
    """Return the key that signs now: the newest whose start time has come."""
    record = session.execute(
        select(signing_key)
        .where(signing_key.c.signs_from <= func.now(), _published())
        .order_by(signing_key.c.signs_from.desc(), signing_key.c.id)
        .limit(1)
    ).one_or_none()
    return _key_row(record) if record else None


def newest_is_older(session: Session, age: timedelta) -> bool:
    """Return whether every key was made longer ago than this, or none exists."""
    newest = session.execute(
        select(func.max(signing_key.c.created_at) < func.now() - age)
    ).scalar_one()
    return newest is None or bool(newest)


def published_keys(session: Session) -> list[dict[str, Any]]:
    """Return the public keys (JWK) of all keys whose tokens are still accepted."""
    public_keys = session.execute(
        select(signing_key.c.public_key).where(_published()).order_by(signing_key.c.created_at)
    )
    return [dict(key) for key in public_keys.scalars()]


def all_public_keys(session: Session) -> list[dict[str, Any]]:
    """Return the public keys (JWK) of all keys ever made; old signatures are verified for years."""
    public_keys = session.execute(
        select(signing_key.c.public_key).order_by(signing_key.c.created_at, signing_key.c.id)
    )
    return [dict(key) for key in public_keys.scalars()]


def _published() -> Any:
    """Return the condition that tokens of a key are still accepted."""
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
    """Publish a new key that starts to sign after a while."""
    session.execute(
        insert(signing_key).values(
            id=id,
            public_key=public_key,
            sealed_key=sealed_key,
            seal=seal,
            signs_from=func.now() + signs_after,
        )
    )


def retire_others(session: Session, id: str, lifetime: timedelta) -> None:
    """Set the end of acceptance of all keys but one."""
    session.execute(
        update(signing_key)
        .where(signing_key.c.id != id, signing_key.c.published_until.is_(None))
        .values(published_until=func.now() + lifetime)
    )


def withdraw_all(session: Session) -> list[str]:
    """End the acceptance of all keys and return their ids."""
    updated = session.execute(
        update(signing_key)
        .where(_published())
        .values(published_until=func.now(), withdrawn_at=func.now())
        .returning(signing_key.c.id)
    )
    return list(updated.scalars())


def recently_withdrawn(session: Session, max_token_age: timedelta) -> list[str]:
    """Return the ids of withdrawn keys whose access tokens may still be presented."""
    key_ids = session.execute(
        select(signing_key.c.id).where(signing_key.c.withdrawn_at > func.now() - max_token_age)
    )
    return list(key_ids.scalars())


def _key_row(record: Row[Any]) -> SigningKeyRow:
    return SigningKeyRow(record.id, bytes(record.sealed_key), record.seal, record.created_at)
