"""Codes with which somebody sets a new password; one for each user, kept as a hash."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Column, DateTime, LargeBinary, Table, Uuid, delete, func, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from identity.core.domain.ids import UserId
from identity.core.store.metadata import metadata

password_reset = Table(
    "password_reset",
    metadata,
    Column("user_id", Uuid, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
)


def keep(session: Session, whose: UserId, digest: bytes, lasts: timedelta) -> datetime:
    """Keep a code instead of the one before; answer when it ends."""
    values = {"digest": digest, "expires_at": func.now() + lasts}
    until: datetime = session.execute(
        upsert(password_reset)
        .values(user_id=whose, **values)
        .on_conflict_do_update(index_elements=["user_id"], set_=values)
        .returning(password_reset.c.expires_at)
    ).scalar_one()
    return until


def is_good(session: Session, whose: UserId, digest: bytes) -> bool:
    """Whether this is somebody's code."""
    found = session.execute(
        select(password_reset.c.user_id).where(
            password_reset.c.user_id == whose,
            password_reset.c.digest == digest,
            password_reset.c.expires_at > func.now(),
        )
    )
    return found.first() is not None


def drop(session: Session, whose: UserId) -> None:
    """Let no code of somebody be good."""
    session.execute(delete(password_reset).where(password_reset.c.user_id == whose))
