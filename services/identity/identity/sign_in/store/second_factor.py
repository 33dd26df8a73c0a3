"""Second factors as rows; secrets are sealed, recovery codes are hashes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    LargeBinary,
    Table,
    Text,
    Uuid,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from identity.core.domain.ids import UserId
from identity.core.domain.seal import Seal
from identity.core.store.metadata import metadata
from identity.sign_in.domain import second_factor as domain

second_factor = Table(
    "second_factor",
    metadata,
    Column("user_id", Uuid, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("seal", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("confirmed_at", DateTime(timezone=True)),
    Column("last_step", BigInteger, nullable=False, server_default="0"),
)

recovery_code = Table(
    "recovery_code",
    metadata,
    Column("user_id", Uuid, primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
    Column("used_at", DateTime(timezone=True)),
)


@dataclass(frozen=True, slots=True)
class FactorRow:
    """The second factor of one user."""

    secret: bytes
    confirmed_at: datetime | None
    last_step: int

    @property
    def confirmed(self) -> bool:
        return self.confirmed_at is not None


@dataclass(frozen=True, slots=True)
class Standing:
    """What a user may know of their own second factor."""

    confirmed_at: datetime
    recovery_codes_left: int


def locked(session: Session, seal: Seal, whose: UserId) -> FactorRow | None:
    """Somebody's second factor, held until the transaction ends: a code is never good twice."""
    found = session.execute(
        select(second_factor).where(second_factor.c.user_id == whose).with_for_update()
    ).one_or_none()
    if found is None:
        return None
    return FactorRow(seal.open(found.sealed, _name(whose)), found.confirmed_at, found.last_step)


def standing(session: Session, whose: UserId) -> Standing | None:
    """How it stands with somebody's second factor; None if there is none in force."""
    left = (
        select(func.count())
        .where(recovery_code.c.user_id == whose, recovery_code.c.used_at.is_(None))
        .scalar_subquery()
    )
    found = session.execute(
        select(second_factor.c.confirmed_at, left.label("codes")).where(
            second_factor.c.user_id == whose, second_factor.c.confirmed_at.is_not(None)
        )
    ).one_or_none()
    return Standing(found.confirmed_at, found.codes) if found else None


def begin(session: Session, seal: Seal, whose: UserId, secret: bytes) -> None:
    """Keep a secret that waits for its first code, instead of one that waited before."""
    values = {
        "sealed": seal.close(secret, _name(whose)),
        "seal": seal.name,
        "created_at": func.now(),
        "confirmed_at": None,
        "last_step": 0,
    }
    session.execute(
        upsert(second_factor)
        .values(user_id=whose, **values)
        .on_conflict_do_update(index_elements=["user_id"], set_=values)
    )


def use(session: Session, whose: UserId, step: int) -> None:
    """Remember the step whose code was used; the first one puts the factor in force."""
    session.execute(
        update(second_factor)
        .where(second_factor.c.user_id == whose)
        .values(
            last_step=step,
            confirmed_at=func.coalesce(second_factor.c.confirmed_at, func.now()),
        )
    )


def set_codes(session: Session, whose: UserId, digests: Iterable[bytes]) -> None:
    """Let exactly these recovery codes be good."""
    session.execute(delete(recovery_code).where(recovery_code.c.user_id == whose))
    session.execute(insert(recovery_code), [{"user_id": whose, "digest": one} for one in digests])


def drop_codes(session: Session, whose: UserId) -> None:
    """Let no recovery code be good."""
    session.execute(delete(recovery_code).where(recovery_code.c.user_id == whose))


def drop_waiting(session: Session, whose: UserId) -> None:
    """Take away a secret that waits for its first code."""
    session.execute(
        delete(second_factor).where(
            second_factor.c.user_id == whose, second_factor.c.confirmed_at.is_(None)
        )
    )


def new_codes(session: Session, whose: UserId) -> tuple[str, ...]:
    """New recovery codes; this is the one moment at which anybody can read them."""
    codes = domain.new_recovery_codes()
    set_codes(session, whose, map(domain.recovery_code_digest, codes))
    return tuple(codes)


def use_code(session: Session, whose: UserId, digest: bytes) -> bool:
    """Use a recovery code up; False if it is none or was used before."""
    done = session.execute(
        update(recovery_code)
        .where(
            recovery_code.c.user_id == whose,
            recovery_code.c.digest == digest,
            recovery_code.c.used_at.is_(None),
        )
        .values(used_at=func.now())
        .returning(recovery_code.c.user_id)
    )
    return done.first() is not None


def end(session: Session, whose: UserId) -> bool:
    """Take an authenticator away; False if there was none."""
    done = session.execute(
        delete(second_factor)
        .where(second_factor.c.user_id == whose)
        .returning(second_factor.c.user_id)
    )
    return done.first() is not None


def _name(whose: UserId) -> str:
    return f"second_factor {whose}"
