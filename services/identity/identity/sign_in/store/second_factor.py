"""Store second factors: sealed TOTP secrets and hashes of recovery codes."""

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
    """The TOTP second factor of a user."""

    secret: bytes
    confirmed_at: datetime | None
    last_step: int

    @property
    def confirmed(self) -> bool:
        """Whether the factor is in force: its first code was entered."""
        return self.confirmed_at is not None


@dataclass(frozen=True, slots=True)
class FactorStatus:
    """What users may know of their own second factor."""

    confirmed_at: datetime
    recovery_codes_left: int


def lock(session: Session, seal: Seal, user_id: UserId) -> FactorRow | None:
    """Return the second factor of a user and lock its row, so that a code is valid once only."""
    record = session.execute(
        select(second_factor).where(second_factor.c.user_id == user_id).with_for_update()
    ).one_or_none()
    if record is None:
        return None
    return FactorRow(
        seal.open(record.sealed, _seal_name(user_id)), record.confirmed_at, record.last_step
    )


def status(session: Session, user_id: UserId) -> FactorStatus | None:
    """Return the status of the second factor of a user; None if none is in force."""
    codes_left = (
        select(func.count())
        .where(recovery_code.c.user_id == user_id, recovery_code.c.used_at.is_(None))
        .scalar_subquery()
    )
    record = session.execute(
        select(second_factor.c.confirmed_at, codes_left.label("codes")).where(
            second_factor.c.user_id == user_id, second_factor.c.confirmed_at.is_not(None)
        )
    ).one_or_none()
    return FactorStatus(record.confirmed_at, record.codes) if record else None


def set_pending(session: Session, seal: Seal, user_id: UserId, secret: bytes) -> None:
    """Store a secret that waits for its first code, instead of an earlier one."""
    values = {
        "sealed": seal.close(secret, _seal_name(user_id)),
        "seal": seal.name,
        "created_at": func.now(),
        "confirmed_at": None,
        "last_step": 0,
    }
    session.execute(
        upsert(second_factor)
        .values(user_id=user_id, **values)
        .on_conflict_do_update(index_elements=["user_id"], set_=values)
    )


def record_step(session: Session, user_id: UserId, step: int) -> None:
    """Record the time step of a used code; the first one puts the factor in force."""
    session.execute(
        update(second_factor)
        .where(second_factor.c.user_id == user_id)
        .values(
            last_step=step,
            confirmed_at=func.coalesce(second_factor.c.confirmed_at, func.now()),
        )
    )


def set_codes(session: Session, user_id: UserId, digests: Iterable[bytes]) -> None:
    """Replace the recovery codes of a user by their digests."""
    session.execute(delete(recovery_code).where(recovery_code.c.user_id == user_id))
    session.execute(
        insert(recovery_code), [{"user_id": user_id, "digest": digest} for digest in digests]
    )


def delete_codes(session: Session, user_id: UserId) -> None:
    """Delete the recovery codes of a user."""
    session.execute(delete(recovery_code).where(recovery_code.c.user_id == user_id))


def delete_pending(session: Session, user_id: UserId) -> None:
    """Delete a secret that waits for its first code."""
    session.execute(
        delete(second_factor).where(
            second_factor.c.user_id == user_id, second_factor.c.confirmed_at.is_(None)
        )
    )


def replace_codes(session: Session, user_id: UserId) -> tuple[str, ...]:
    """Replace the recovery codes of a user and return the new ones; only digests are stored."""
    codes = domain.new_recovery_codes()
    set_codes(session, user_id, map(domain.recovery_code_digest, codes))
    return tuple(codes)


def use_code(session: Session, user_id: UserId, digest: bytes) -> bool:
    """Mark a recovery code as used; return False if it is unknown or was used before."""
    updated = session.execute(
        update(recovery_code)
        .where(
            recovery_code.c.user_id == user_id,
            recovery_code.c.digest == digest,
            recovery_code.c.used_at.is_(None),
        )
        .values(used_at=func.now())
        .returning(recovery_code.c.user_id)
    )
    return updated.first() is not None


def delete_factor(session: Session, user_id: UserId) -> bool:
    """Delete the TOTP factor of a user; return False if there was none."""
    deleted = session.execute(
        delete(second_factor)
        .where(second_factor.c.user_id == user_id)
        .returning(second_factor.c.user_id)
    )
    return deleted.first() is not None


def _seal_name(user_id: UserId) -> str:
    return f"second_factor {user_id}"
