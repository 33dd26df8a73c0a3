"""Store password reset codes: one for each user, as a hash."""

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


def set_code(session: Session, user_id: UserId, digest: bytes, lifetime: timedelta) -> datetime:
    """Store a code, which replaces an earlier one, and return when it expires."""
    values = {"digest": digest, "expires_at": func.now() + lifetime}
    expires_at: datetime = session.execute(
        upsert(password_reset)
        .values(user_id=user_id, **values)
        .on_conflict_do_update(index_elements=["user_id"], set_=values)
        .returning(password_reset.c.expires_at)
    ).scalar_one()
    return expires_at


def is_valid(session: Session, user_id: UserId, digest: bytes) -> bool:
    """Return whether this is an unexpired code of the user."""
    matches = session.execute(
        select(password_reset.c.user_id).where(
            password_reset.c.user_id == user_id,
            password_reset.c.digest == digest,
            password_reset.c.expires_at > func.now(),
        )
    )
    return matches.first() is not None


def delete_code(session: Session, user_id: UserId) -> None:
    """Delete the code of a user."""
    session.execute(delete(password_reset).where(password_reset.c.user_id == user_id))
