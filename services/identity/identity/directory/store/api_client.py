"""Store API clients; of a key only the digest is stored."""

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
from identity.directory.domain.api_client import ApiScope
from identity.people.store.user import WORKS_HERE, user

_USE_PRECISION = timedelta(minutes=1)

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
    """An API client without its key."""

    id: ApiClientId
    user: UserId
    name: str
    hint: str
    scopes: tuple[ApiScope, ...]
    created_by: UserId | None
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None


def _select_clients() -> Select[Any]:
    return select(*(column for column in api_client.c if column.name != "digest"))


def list_clients(
    session: Session, scope: Scope, window: Window, *, user_id: UserId | None, open_only: bool
) -> Page[ApiClientRow]:
    """Return a page of API clients, the newest first."""
    assert scope.object == "ApiClient"
    statement = _select_clients()
    if user_id is not None:
        statement = statement.where(api_client.c.user_id == user_id)
    if open_only:
        statement = statement.where(
            api_client.c.revoked_at.is_(None), api_client.c.expires_at > func.now()
        )
    page_of_records = page(
        session,
        statement,
        order=[(api_client.c.created_at, "desc"), (api_client.c.id, "desc")],
        window=window,
    )
    return page_of_records.map(_client_row)


def by_id(session: Session, scope: Scope, id: ApiClientId) -> ApiClientRow | None:
    """Return an API client, or None."""
    assert scope.object == "ApiClient"
    record = session.execute(_select_clients().where(api_client.c.id == id)).one_or_none()
    return _client_row(record) if record else None


def lock(session: Session, scope: Scope, id: ApiClientId) -> ApiClientRow | None:
    """Return an API client and lock its row until the transaction ends."""
    assert scope.object == "ApiClient"
    statement = _select_clients().where(api_client.c.id == id).with_for_update()
    record = session.execute(statement).one_or_none()
    return _client_row(record) if record else None


def by_valid_key(session: Session, digest: bytes) -> ApiClientRow | None:
    """Return the client of a key digest if the key is valid and its user is active, else None."""
    record = session.execute(
        _select_clients()
        .join(user, user.c.id == api_client.c.user_id)
        .where(
            api_client.c.digest == digest,
            api_client.c.revoked_at.is_(None),
            api_client.c.expires_at > func.now(),
            WORKS_HERE,
        )
    ).one_or_none()
    return _client_row(record) if record else None


def add(
    session: Session,
    *,
    user_id: UserId,
    name: str,
    digest: bytes,
    hint: str,
    scopes: tuple[ApiScope, ...],
    expires_at: datetime,
    created_by: UserId,
) -> ApiClientId:
    """Store a new API client and return its id."""
    id: UUID = session.execute(
        insert(api_client)
        .values(
            user_id=user_id,
            name=name,
            digest=digest,
            hint=hint,
            doors=[scope.value for scope in scopes],
            expires_at=expires_at,
            created_by=created_by,
        )
        .returning(api_client.c.id)
    ).scalar_one()
    return ApiClientId(id)


def record_use(session: Session, id: ApiClientId) -> None:
    """Record that a key was used, to the minute, so that not every request is a write."""
    session.execute(
        update(api_client)
        .where(
            api_client.c.id == id,
            or_(api_client.c.used_at.is_(None), api_client.c.used_at < func.now() - _USE_PRECISION),
        )
        .values(used_at=func.now())
    )


def revoke(session: Session, id: ApiClientId) -> bool:
    """Revoke a key; return False if it was revoked before."""
    updated = session.execute(
        update(api_client)
        .where(api_client.c.id == id, api_client.c.revoked_at.is_(None))
        .values(revoked_at=func.now())
        .returning(api_client.c.id)
    )
    return updated.first() is not None


def revoke_all(session: Session, user_id: UserId) -> int:
    """Revoke all keys of a user and return how many."""
    updated = session.execute(
        update(api_client)
        .where(api_client.c.user_id == user_id, api_client.c.revoked_at.is_(None))
        .values(revoked_at=func.now())
        .returning(api_client.c.id)
    )
    return len(updated.all())


def _client_row(record: Row[Any]) -> ApiClientRow:
    """Build an API client from a selected row."""
    return ApiClientRow(
        id=ApiClientId(record.id),
        user=UserId(record.user_id),
        name=record.name,
        hint=record.hint,
        scopes=tuple(ApiScope(scope) for scope in record.doors),
        created_by=UserId(record.created_by) if record.created_by else None,
        created_at=record.created_at,
        expires_at=record.expires_at,
        used_at=record.used_at,
        revoked_at=record.revoked_at,
    )
