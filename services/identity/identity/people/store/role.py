"""Roles as rows, and which inherits from which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Column,
    DateTime,
    Integer,
    Row,
    Select,
    Table,
    Text,
    Uuid,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by
from sqlalchemy.orm import Session

from chassis.api.paging import Page, Window, page
from chassis.policy.scope import Scope
from identity.core.domain.ids import RoleId
from identity.core.store.metadata import metadata

role = Table(
    "role",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=func.uuidv7()),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

role_inherits = Table(
    "role_inherits",
    metadata,
    Column("role_id", Uuid, primary_key=True),
    Column("inherits_id", Uuid, primary_key=True),
)


@dataclass(frozen=True, slots=True)
class RoleRow:
    """A role, with the names of those it inherits from."""

    id: RoleId
    name: str
    description: str
    inherits: tuple[str, ...]
    version: int


_inherited = role.alias("inherited")
_NAMES = (
    select(
        func.array_agg(aggregate_order_by(_inherited.c.name, _inherited.c.name), type_=ARRAY(Text))
    )
    .select_from(role_inherits.join(_inherited, _inherited.c.id == role_inherits.c.inherits_id))
    .where(role_inherits.c.role_id == role.c.id)
    .correlate(role)
    .scalar_subquery()
    .label("inherits")
)


def _selected() -> Select[Any]:
    return select(role, _NAMES)


def everyone(session: Session, scope: Scope) -> list[RoleRow]:
    """Return all roles; there are few."""
    assert scope.object == "Role"
    return [read_row(row) for row in session.execute(_selected().order_by(role.c.name))]


def listed(session: Session, scope: Scope, window: Window) -> Page[RoleRow]:
    """Return one page of roles by name."""
    assert scope.object == "Role"
    rows = page(session, _selected(), order=[(role.c.name, "asc")], window=window)
    return rows.map(read_row)


def locked(session: Session, id: RoleId) -> RoleRow | None:
    """Return one role, locked until the transaction ends."""
    rows = session.execute(_selected().where(role.c.id == id).with_for_update(of=role))
    row = rows.one_or_none()
    return read_row(row) if row else None


def names(session: Session) -> dict[str, RoleId]:
    """Return the id of every role by its name."""
    return {row.name: RoleId(row.id) for row in session.execute(select(role.c.name, role.c.id))}


def inheritance(session: Session) -> dict[str, tuple[str, ...]]:
    """Return for every role the names of the roles it inherits from."""
    return {row.name: tuple(row.inherits or ()) for row in session.execute(_selected())}


def add(session: Session, name: str, description: str) -> RoleId:
    """Insert a role and return its id."""
    id: UUID = session.execute(
        insert(role).values(name=name, description=description).returning(role.c.id)
    ).scalar_one()
    return RoleId(id)


def change(session: Session, id: RoleId, **values: object) -> None:
    """Set columns of one role and count its version up."""
    session.execute(
        update(role)
        .where(role.c.id == id)
        .values(values | {"version": role.c.version + 1, "updated_at": func.now()})
    )


def inherit(
    session: Session, id: RoleId, inherited: Iterable[str], ids: Mapping[str, RoleId]
) -> None:
    """Let a role inherit from exactly these roles; `ids` has the id of every role by name."""
    session.execute(delete(role_inherits).where(role_inherits.c.role_id == id))
    rows: Sequence[dict[str, UUID]] = [
        {"role_id": id, "inherits_id": ids[name]} for name in sorted(set(inherited))
    ]
    if rows:
        session.execute(insert(role_inherits), rows)


def read_row(selected: Row[Any]) -> RoleRow:
    """Convert a selected row to a value."""
    return RoleRow(
        id=RoleId(selected.id),
        name=selected.name,
        description=selected.description,
        inherits=tuple(selected.inherits or ()),
        version=selected.version,
    )
