"""Passkeys as rows, and the challenges that wait for an answer."""

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
    """What a challenge may be answered for; the first one of somebody is begun by password."""

    REGISTER = "register"
    REGISTER_FIRST = "register_first"
    SIGN_IN = "sign_in"


@dataclass(frozen=True, slots=True)
class PasskeyRow:
    """A passkey of somebody."""

    id: PasskeyId
    user: UserId
    known: PasskeyDescriptor
    public_key: bytes
    sign_count: int
    name: str
    backed_up: bool
    created_at: datetime
    used_at: datetime | None


def of_user(session: Session, whose: UserId) -> list[PasskeyRow]:
    """Somebody's passkeys, the oldest first."""
    found = session.execute(
        select(passkey).where(passkey.c.user_id == whose).order_by(passkey.c.id)
    )
    return [row(one) for one in found]


def any_of(session: Session, whose: UserId) -> bool:
    """Whether somebody has a passkey."""
    found = session.execute(select(passkey.c.id).where(passkey.c.user_id == whose).limit(1))
    return found.first() is not None


def held(session: Session, whose: UserId, credential_id: bytes) -> PasskeyRow | None:
    """One passkey of somebody, held until the transaction ends: a counter counts once."""
    found = session.execute(
        select(passkey)
        .where(passkey.c.user_id == whose, passkey.c.credential_id == credential_id)
        .with_for_update()
    ).one_or_none()
    return row(found) if found else None


def is_taken(session: Session, credential_id: bytes) -> bool:
    """Whether a passkey is somebody's already."""
    found = session.execute(select(passkey.c.id).where(passkey.c.credential_id == credential_id))
    return found.first() is not None


def add(session: Session, whose: UserId, made: RegisteredPasskey, name: str) -> PasskeyId:
    """Write a passkey down."""
    id: UUID = session.execute(
        insert(passkey)
        .values(
            user_id=whose,
            credential_id=made.credential_id,
            public_key=made.public_key,
            sign_count=made.sign_count,
            name=name,
            transports=list(made.transports),
            backed_up=made.backed_up,
        )
        .returning(passkey.c.id)
    ).scalar_one()
    return PasskeyId(id)


def use(session: Session, id: PasskeyId, sign_count: int, backed_up: bool) -> None:
    """Remember that a passkey was shown, and how far it has counted."""
    values = {"sign_count": sign_count, "backed_up": backed_up, "used_at": func.now()}
    session.execute(update(passkey).where(passkey.c.id == id).values(values))


def rename(session: Session, whose: UserId, id: PasskeyId, name: str) -> bool:
    """Call a passkey otherwise; False if it is not theirs."""
    done = session.execute(
        update(passkey)
        .where(passkey.c.id == id, passkey.c.user_id == whose)
        .values(name=name)
        .returning(passkey.c.id)
    )
    return done.first() is not None


def remove(session: Session, whose: UserId, id: PasskeyId) -> bool:
    """Take a passkey away; False if it is not theirs."""
    done = session.execute(
        delete(passkey)
        .where(passkey.c.id == id, passkey.c.user_id == whose)
        .returning(passkey.c.id)
    )
    return done.first() is not None


def remove_all(session: Session, whose: UserId) -> int:
    """Take all passkeys of somebody away; answer how many."""
    done = session.execute(
        delete(passkey).where(passkey.c.user_id == whose).returning(passkey.c.id)
    )
    return len(done.all())


def ask(
    session: Session, whose: UserId, challenge: bytes, purpose: Purpose, lasts: timedelta
) -> None:
    """Keep a challenge; those of the same person that nobody answered in time go."""
    session.execute(
        delete(passkey_challenge).where(
            passkey_challenge.c.user_id == whose, passkey_challenge.c.expires_at < func.now()
        )
    )
    session.execute(
        insert(passkey_challenge).values(
            challenge=challenge,
            user_id=whose,
            purpose=purpose.value,
            expires_at=func.now() + lasts,
        )
    )


def answered(session: Session, challenge: bytes) -> tuple[UserId, Purpose] | None:
    """Whom a challenge was for; it is good once."""
    found = session.execute(
        delete(passkey_challenge)
        .where(
            passkey_challenge.c.challenge == challenge,
            passkey_challenge.c.expires_at > func.now(),
        )
        .returning(passkey_challenge.c.user_id, passkey_challenge.c.purpose)
    ).one_or_none()
    return (UserId(found.user_id), Purpose(found.purpose)) if found else None


def row(found: Row[Any]) -> PasskeyRow:
    """A selected row as a value."""
    return PasskeyRow(
        id=PasskeyId(found.id),
        user=UserId(found.user_id),
        known=PasskeyDescriptor(found.credential_id, tuple(found.transports)),
        public_key=found.public_key,
        sign_count=found.sign_count,
        name=found.name,
        backed_up=found.backed_up,
        created_at=found.created_at,
        used_at=found.used_at,
    )
