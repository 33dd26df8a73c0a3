"""Sign-in providers as rows; their secrets are sealed."""

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
from identity.sign_in.domain.provider import Admission, Mapped, UsernameForm

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
    """A provider without its secret."""

    id: ProviderId
    name: str
    title: str
    issuer: str
    client_id: str
    has_secret: bool
    scopes: tuple[str, ...]
    claims: Mapped
    admission: Admission
    domains: tuple[str, ...]
    username_form: UsernameForm
    department: DepartmentId | None
    roles: tuple[str, ...]
    trusts_second_factor: bool
    enabled: bool
    version: int
    created_at: datetime


def everyone(session: Session, scope: Scope) -> list[ProviderRow]:
    """All providers by name; they are few."""
    _spend(scope)
    return [row(one) for one in session.execute(select(provider).order_by(provider.c.name))]


def open_ones(session: Session) -> list[ProviderRow]:
    """Those by which somebody may sign in; whoever sees the sign-in page sees them."""
    found = session.execute(
        select(provider).where(provider.c.enabled).order_by(provider.c.title, provider.c.id)
    )
    return [row(one) for one in found]


def by_ids(session: Session, ids: Sequence[ProviderId]) -> list[ProviderRow | None]:
    """Providers in the order of the ids."""
    found = session.execute(select(provider).where(provider.c.id.in_(set(ids))))
    return in_order(ids, [row(one) for one in found], lambda one: one.id)


def by_id(session: Session, id: ProviderId) -> ProviderRow | None:
    """One provider."""
    return by_ids(session, [id])[0]


def by_name(session: Session, name: str) -> ProviderRow | None:
    """The provider that addresses name so."""
    found = session.execute(select(provider).where(provider.c.name == name)).one_or_none()
    return row(found) if found else None


def locked(session: Session, scope: Scope, id: ProviderId) -> ProviderRow | None:
    """One provider, held until the transaction ends."""
    _spend(scope)
    found = session.execute(
        select(provider).where(provider.c.id == id).with_for_update()
    ).one_or_none()
    return row(found) if found else None


def secret(session: Session, seal: Seal, id: ProviderId) -> str | None:
    """The client secret, opened. Raises `CannotUnseal`."""
    sealed = session.execute(
        select(provider.c.sealed_secret).where(provider.c.id == id)
    ).scalar_one()
    return seal.open(sealed, _name(id)).decode() if sealed is not None else None


def add(session: Session, values: dict[str, object]) -> ProviderId:
    """Write a provider down."""
    id: UUID = session.execute(
        insert(provider).values(columns(values)).returning(provider.c.id)
    ).scalar_one()
    return ProviderId(id)


def change(session: Session, id: ProviderId, values: dict[str, object]) -> None:
    """Set these columns of one provider."""
    counted = {"version": provider.c.version + 1, "updated_at": func.now()}
    session.execute(update(provider).where(provider.c.id == id).values(columns(values) | counted))


def keep_secret(session: Session, seal: Seal, id: ProviderId, text: str | None) -> None:
    """Seal the client secret; None: we are a public client."""
    sealed = seal.close(text.encode(), _name(id)) if text else None
    values = {"sealed_secret": sealed, "seal": seal.name}
    session.execute(update(provider).where(provider.c.id == id).values(values))


def columns(values: dict[str, object]) -> dict[str, object]:
    """Values of the domain as the columns take them."""
    found = dict(values)
    for name, value in values.items():
        match value:
            case Admission() | UsernameForm():
                found[name] = value.value
            case Mapped():
                found[name] = asdict(value)
            case tuple():
                found[name] = list(value)
    return found


def row(found: Row[Any]) -> ProviderRow:
    """A selected row as a value."""
    return ProviderRow(
        id=ProviderId(found.id),
        name=found.name,
        title=found.title,
        issuer=found.issuer,
        client_id=found.client_id,
        has_secret=found.sealed_secret is not None,
        scopes=tuple(found.scopes),
        claims=Mapped(**found.claims),
        admission=Admission(found.admission),
        domains=tuple(found.domains),
        username_form=UsernameForm(found.username_form),
        department=DepartmentId(found.department_id) if found.department_id else None,
        roles=tuple(found.roles),
        trusts_second_factor=found.trusts_second_factor,
        enabled=found.enabled,
        version=found.version,
        created_at=found.created_at,
    )


def _spend(scope: Scope) -> None:
    assert scope.object == "SignInProvider"


def _name(id: ProviderId) -> str:
    return f"sign_in_provider {id}"
