"""Store passkeys and the challenges that wait for an answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
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

from identity.core.domain.ids import PasskeyId, UserId
from identity.core.store.metadata import metadata
from identity.sign_in.domain.passkey import PasskeyDescriptor, RegisteredPasskey

passkey = Table(
    "passkey",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=func.uuidv7()),
    Column("user_id", Uuid, nullable=False),
    Column("credential_id", LargeBinary, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("sign_count", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("transports", ARRAY(Text), nullable=False),
    Column("backed_up", Boolean, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("used_at", DateTime(timezone=True)),
)

passkey_challenge = Table(
    "passkey_challenge",
    metadata,
    Column("challenge", LargeBinary, primary_key=True),
    Column("user_id", Uuid, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
)


class Purpose(Enum):
    """What a challenge may be answered for.

    REGISTER_FIRST registers the first second factor of a user who proved the password only.
    """

    REGISTER = "register"
    REGISTER_FIRST = "register_first"
    SIGN_IN = "sign_in"


@dataclass(frozen=True, slots=True)
class PasskeyRow:
    """A passkey of a user."""

    id: PasskeyId
    user: UserId
    descriptor: PasskeyDescriptor
    public_key: bytes
    sign_count: int
    name: str
    backed_up: bool
    created_at: datetime
    used_at: datetime | None


def of_user(session: Session, user_id: UserId) -> list[PasskeyRow]:
    """Return the passkeys of a user, the oldest first."""
    records = session.execute(
        select(passkey).where(passkey.c.user_id == user_id).order_by(passkey.c.id)
    )
    return [_passkey_row(record) for record in records]


def has_passkey(session: Session, user_id: UserId) -> bool:
    """Return whether a user has a passkey."""
    matches = session.execute(select(passkey.c.id).where(passkey.c.user_id == user_id).limit(1))
    return matches.first() is not None


def lock(session: Session, user_id: UserId, credential_id: bytes) -> PasskeyRow | None:
    """Return a passkey of a user and lock its row, so that a counter is used once only."""
    record = session.execute(
        select(passkey)
        .where(passkey.c.user_id == user_id, passkey.c.credential_id == credential_id)
        .with_for_update()
    ).one_or_none()
    return _passkey_row(record) if record else None


def is_registered(session: Session, credential_id: bytes) -> bool:
    """Return whether a credential id belongs to a user already."""
    matches = session.execute(select(passkey.c.id).where(passkey.c.credential_id == credential_id))
    return matches.first() is not None


def add(session: Session, user_id: UserId, registered: RegisteredPasskey, name: str) -> PasskeyId:
    """Store a new passkey and return its id."""
    id: UUID = session.execute(
        insert(passkey)
        .values(
            user_id=user_id,
            credential_id=registered.credential_id,
            public_key=registered.public_key,
            sign_count=registered.sign_count,
            name=name,
            transports=list(registered.transports),
            backed_up=registered.backed_up,
        )
        .returning(passkey.c.id)
    ).scalar_one()
    return PasskeyId(id)


def record_use(session: Session, id: PasskeyId, sign_count: int, backed_up: bool) -> None:
    """Record a use of a passkey: its new counter, its backup state, and the time."""
    values = {"sign_count": sign_count, "backed_up": backed_up, "used_at": func.now()}
    session.execute(update(passkey).where(passkey.c.id == id).values(values))


def rename(session: Session, user_id: UserId, id: PasskeyId, name: str) -> bool:
    """Rename a passkey; return False if the user has no such passkey."""
    updated = session.execute(
        update(passkey)
        .where(passkey.c.id == id, passkey.c.user_id == user_id)
        .values(name=name)
        .returning(passkey.c.id)
    )
    return updated.first() is not None


def remove(session: Session, user_id: UserId, id: PasskeyId) -> bool:
    """Delete a passkey; return False if the user has no such passkey."""
    deleted = session.execute(
        delete(passkey)
        .where(passkey.c.id == id, passkey.c.user_id == user_id)
        .returning(passkey.c.id)
    )
    return deleted.first() is not None


def remove_all(session: Session, user_id: UserId) -> int:
    """Delete all passkeys of a user and return how many there were."""
    deleted = session.execute(
        delete(passkey).where(passkey.c.user_id == user_id).returning(passkey.c.id)
    )
    return len(deleted.all())


def add_challenge(
    session: Session, user_id: UserId, challenge: bytes, purpose: Purpose, lifetime: timedelta
) -> None:
    """Store a challenge and delete the expired challenges of the same user."""
    session.execute(
        delete(passkey_challenge).where(
            passkey_challenge.c.user_id == user_id, passkey_challenge.c.expires_at < func.now()
        )
    )
    session.execute(
        insert(passkey_challenge).values(
            challenge=challenge,
            user_id=user_id,
            purpose=purpose.value,
            expires_at=func.now() + lifetime,
        )
    )


def take_challenge(session: Session, challenge: bytes) -> tuple[UserId, Purpose] | None:
    """Delete an open challenge and return its user and purpose; it is answered once only."""
    record = session.execute(
        delete(passkey_challenge)
        .where(
            passkey_challenge.c.challenge == challenge,
            passkey_challenge.c.expires_at > func.now(),
        )
        .returning(passkey_challenge.c.user_id, passkey_challenge.c.purpose)
    ).one_or_none()
    return (UserId(record.user_id), Purpose(record.purpose)) if record else None


def _passkey_row(record: Row[Any]) -> PasskeyRow:
    """Build a passkey from a selected row."""
    return PasskeyRow(
        id=PasskeyId(record.id),
        user=UserId(record.user_id),
        descriptor=PasskeyDescriptor(record.credential_id, tuple(record.transports)),
        public_key=record.public_key,
        sign_count=record.sign_count,
        name=record.name,
        backed_up=record.backed_up,
        created_at=record.created_at,
        used_at=record.used_at,
    )
