"""Keys of programs as rows; the key itself is nowhere, only its hash."""

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
    Select,
    Table,
    Text,
    Uuid,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from chassis.api.paging import Page, Window, page
from chassis.policy.scope import Scope
from identity.core.domain.ids import ApiClientId, UserId
from identity.core.store.metadata import metadata
from identity.directory.domain.api_client import Door
from identity.people.store.user import WORKS_HERE, user

_NOTED_EVERY = timedelta(minutes=1)

api_client = Table(
    "api_client",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=func.uuidv7()),
    Column("user_id", Uuid, nullable=False),
    Column("name", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("hint", Text, nullable=False),
    Column("doors", ARRAY(Text), nullable=False),
    Column("created_by", Uuid),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("used_at", DateTime(timezone=True)),
    Column("revoked_at", DateTime(timezone=True)),
)


@dataclass(frozen=True, slots=True)
class ApiClientRow:
    """A key without the key."""

    id: ApiClientId
    user: UserId
    name: str
    hint: str
    doors: tuple[Door, ...]
    created_by: UserId | None
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None


def _selected() -> Select[Any]:
    return select(*(column for column in api_client.c if column.name != "digest"))


def listed(
    session: Session, scope: Scope, window: Window, *, whose: UserId | None, open_only: bool
) -> Page[ApiClientRow]:
    """A page of keys, the newest first."""
    assert scope.object == "ApiClient"
    statement = _selected()
    if whose is not None:
        statement = statement.where(api_client.c.user_id == whose)
    if open_only:
        statement = statement.where(
            api_client.c.revoked_at.is_(None), api_client.c.expires_at > func.now()
        )
    found = page(
        session,
        statement,
        order=[(api_client.c.created_at, "desc"), (api_client.c.id, "desc")],
        window=window,
    )
    return found.map(row)


def by_id(session: Session, scope: Scope, id: ApiClientId) -> ApiClientRow | None:
    """One key."""
    assert scope.object == "ApiClient"
    found = session.execute(_selected().where(api_client.c.id == id)).one_or_none()
    return row(found) if found else None


def locked(session: Session, scope: Scope, id: ApiClientId) -> ApiClientRow | None:
    """One key, held until the transaction ends."""
    assert scope.object == "ApiClient"
    statement = _selected().where(api_client.c.id == id).with_for_update()
    found = session.execute(statement).one_or_none()
    return row(found) if found else None


def good(session: Session, digest: bytes) -> ApiClientRow | None:
    """The key of this hash, if it is still good and its user may work here."""
    found = session.execute(
        _selected()
        .join(user, user.c.id == api_client.c.user_id)
        .where(
            api_client.c.digest == digest,
            api_client.c.revoked_at.is_(None),
            api_client.c.expires_at > func.now(),
            WORKS_HERE,
        )
    ).one_or_none()
    return row(found) if found else None


def add(
    session: Session,
    *,
    whose: UserId,
    name: str,
    digest: bytes,
    hint: str,
    doors: tuple[Door, ...],
    expires_at: datetime,
    by: UserId,
) -> ApiClientId:
    """Write a new key down."""
    id: UUID = session.execute(
        insert(api_client)
        .values(
            user_id=whose,
            name=name,
            digest=digest,
            hint=hint,
            doors=[door.value for door in doors],
            expires_at=expires_at,
            created_by=by,
        )
        .returning(api_client.c.id)
    ).scalar_one()
    return ApiClientId(id)


def note_use(session: Session, id: ApiClientId) -> None:
    """Remember that a key was used, to the minute: not every request is a write."""
    session.execute(
        update(api_client)
        .where(
            api_client.c.id == id,
            or_(api_client.c.used_at.is_(None), api_client.c.used_at < func.now() - _NOTED_EVERY),
        )
        .values(used_at=func.now())
    )


def revoke(session: Session, id: ApiClientId) -> bool:
    """End a key; False if it was ended before."""
    done = session.execute(
        update(api_client)
        .where(api_client.c.id == id, api_client.c.revoked_at.is_(None))
        .values(revoked_at=func.now())
        .returning(api_client.c.id)
    )
    return done.first() is not None


def revoke_all(session: Session, whose: UserId) -> int:
    """End all keys of a user; answer how many."""
    done = session.execute(
        update(api_client)
        .where(api_client.c.user_id == whose, api_client.c.revoked_at.is_(None))
        .values(revoked_at=func.now())
        .returning(api_client.c.id)
    )
    return len(done.all())


def row(found: Row[Any]) -> ApiClientRow:
    """A selected row as a value."""
    return ApiClientRow(
        id=ApiClientId(found.id),
        user=UserId(found.user_id),
        name=found.name,
        hint=found.hint,
        doors=tuple(Door(door) for door in found.doors),
        created_by=UserId(found.created_by) if found.created_by else None,
        created_at=found.created_at,
        expires_at=found.expires_at,
        used_at=found.used_at,
        revoked_at=found.revoked_at,
    )
