"""Store sign-in providers; their client secrets are sealed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Boolean,
    Column,
    DateTime,
    Integer,
    LargeBinary,
    Row,
    Table,
    Text,
    Uuid,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from chassis.db import in_order
from chassis.policy.scope import Scope
from identity.core.domain.ids import DepartmentId, ProviderId
from identity.core.domain.seal import Seal
from identity.core.store.metadata import metadata
from identity.sign_in.domain.provider import Admission, ClaimMapping, UsernameForm

provider = Table(
    "sign_in_provider",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=func.uuidv7()),
    Column("name", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("sealed_secret", LargeBinary),
    Column("seal", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("claims", JSONB, nullable=False),
    Column("admission", Text, nullable=False),
    Column("domains", ARRAY(Text), nullable=False),
    Column("username_form", Text, nullable=False),
    Column("department_id", Uuid),
    Column("roles", ARRAY(Text), nullable=False),
    Column("trusts_second_factor", Boolean, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)


@dataclass(frozen=True, slots=True)
class ProviderRow:
    """A provider without its client secret."""

    id: ProviderId
    name: str
    title: str
    issuer: str
    client_id: str
    has_secret: bool
    scopes: tuple[str, ...]
    claims: ClaimMapping
    admission: Admission
    domains: tuple[str, ...]
    username_form: UsernameForm
    department: DepartmentId | None
    roles: tuple[str, ...]
    trusts_second_factor: bool
    enabled: bool
    version: int
    created_at: datetime


def list_all(session: Session, scope: Scope) -> list[ProviderRow]:
    """Return all providers by name; there are few."""
    _check_scope(scope)
    return [
        _provider_row(record)
        for record in session.execute(select(provider).order_by(provider.c.name))
    ]


def list_enabled(session: Session) -> list[ProviderRow]:
    """Return the providers that users may sign in through, as the sign-in page shows them."""
    records = session.execute(
        select(provider).where(provider.c.enabled).order_by(provider.c.title, provider.c.id)
    )
    return [_provider_row(record) for record in records]


def by_ids(session: Session, ids: Sequence[ProviderId]) -> list[ProviderRow | None]:
    """Return providers in the order of the ids, None for a gap."""
    records = session.execute(select(provider).where(provider.c.id.in_(set(ids))))
    return in_order(ids, map(_provider_row, records), lambda provider_row: provider_row.id)


def by_id(session: Session, id: ProviderId) -> ProviderRow | None:
    """Return a provider, or None."""
    return by_ids(session, [id])[0]


def by_name(session: Session, name: str) -> ProviderRow | None:
    """Return the provider that addresses use this name for, or None."""
    record = session.execute(select(provider).where(provider.c.name == name)).one_or_none()
    return _provider_row(record) if record else None


def lock(session: Session, scope: Scope, id: ProviderId) -> ProviderRow | None:
    """Return a provider and lock its row until the transaction ends."""
    _check_scope(scope)
    record = session.execute(
        select(provider).where(provider.c.id == id).with_for_update()
    ).one_or_none()
    return _provider_row(record) if record else None


def client_secret(session: Session, seal: Seal, id: ProviderId) -> str | None:
    """Return the unsealed client secret, or None. Raises `CannotUnseal`."""
    sealed = session.execute(
        select(provider.c.sealed_secret).where(provider.c.id == id)
    ).scalar_one()
    return seal.open(sealed, _seal_name(id)).decode() if sealed is not None else None


def add(session: Session, values: dict[str, object]) -> ProviderId:
    """Store a new provider and return its id."""
    id: UUID = session.execute(
        insert(provider).values(_columns(values)).returning(provider.c.id)
    ).scalar_one()
    return ProviderId(id)


def change(session: Session, id: ProviderId, values: dict[str, object]) -> None:
    """Set columns of a provider and raise its version."""
    versioned = {"version": provider.c.version + 1, "updated_at": func.now()}
    session.execute(
        update(provider).where(provider.c.id == id).values(_columns(values) | versioned)
    )


def set_client_secret(session: Session, seal: Seal, id: ProviderId, text: str | None) -> None:
    """Seal and store the client secret; None for a public client."""
    sealed = seal.close(text.encode(), _seal_name(id)) if text else None
    values = {"sealed_secret": sealed, "seal": seal.name}
    session.execute(update(provider).where(provider.c.id == id).values(values))


def _columns(values: dict[str, object]) -> dict[str, object]:
    """Convert domain values to column values."""
    column_values = dict(values)
    for name, value in values.items():
        match value:
            case Admission() | UsernameForm():
                column_values[name] = value.value
            case ClaimMapping():
                column_values[name] = asdict(value)
            case tuple():
                column_values[name] = list(value)
    return column_values


def _provider_row(record: Row[Any]) -> ProviderRow:
    """Build a provider from a selected row."""
    return ProviderRow(
        id=ProviderId(record.id),
        name=record.name,
        title=record.title,
        issuer=record.issuer,
        client_id=record.client_id,
        has_secret=record.sealed_secret is not None,
        scopes=tuple(record.scopes),
        claims=ClaimMapping(**record.claims),
        admission=Admission(record.admission),
        domains=tuple(record.domains),
        username_form=UsernameForm(record.username_form),
        department=DepartmentId(record.department_id) if record.department_id else None,
        roles=tuple(record.roles),
        trusts_second_factor=record.trusts_second_factor,
        enabled=record.enabled,
        version=record.version,
        created_at=record.created_at,
    )


def _check_scope(scope: Scope) -> None:
    assert scope.object == "SignInProvider"


def _seal_name(id: ProviderId) -> str:
    return f"sign_in_provider {id}"
