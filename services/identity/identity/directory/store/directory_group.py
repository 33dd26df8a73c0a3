"""Store the groups of a directory with their members and the roles they confer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Column,
    ColumnElement,
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
from chassis.db import among
from chassis.policy.scope import Scope
from identity.core.domain.ids import DirectoryGroupId, RoleId, UserId
from identity.core.store.metadata import metadata
from identity.directory.domain.directory import Member
from identity.people.store.role import role

directory_group = Table(
    "directory_group",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=func.uuidv7()),
    Column("display_name", Text, nullable=False),
    Column("external_id", Text),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

directory_member = Table(
    "directory_member",
    metadata,
    Column("group_id", Uuid, primary_key=True),
    Column("user_id", Uuid, primary_key=True),
    Column("display", Text),
)

directory_group_role = Table(
    "directory_group_role",
    metadata,
    Column("group_id", Uuid, primary_key=True),
    Column("role_id", Uuid, primary_key=True),
)


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A group of the directory, with the roles that an administrator tied to it."""

    id: DirectoryGroupId
    display_name: str
    external_id: str | None
    roles: tuple[str, ...]
    size: int
    version: int
    created_at: datetime
    updated_at: datetime


_ROLES = (
    select(func.array_agg(aggregate_order_by(role.c.name, role.c.name), type_=ARRAY(Text)))
    .select_from(directory_group_role.join(role, role.c.id == directory_group_role.c.role_id))
    .where(directory_group_role.c.group_id == directory_group.c.id)
    .correlate(directory_group)
    .scalar_subquery()
    .label("roles")
)

_SIZE = (
    select(func.count())
    .where(directory_member.c.group_id == directory_group.c.id)
    .correlate(directory_group)
    .scalar_subquery()
    .label("size")
)


def leave_groups(session: Session, id: UserId) -> None:
    """Remove a user from all groups, until the directory adds them again."""
    group_ids = session.execute(
        delete(directory_member)
        .where(directory_member.c.user_id == id)
        .returning(directory_member.c.group_id)
    )
    _raise_versions(session, list(group_ids.scalars()))


def by_id(session: Session, scope: Scope, id: DirectoryGroupId) -> GroupRow | None:
    """Return a group, or None."""
    assert scope.object == "DirectoryGroup"
    record = session.execute(_select_groups().where(directory_group.c.id == id)).one_or_none()
    return _group_row(record) if record else None


def lock(session: Session, scope: Scope, id: DirectoryGroupId) -> GroupRow | None:
    """Return a group and lock its row until the transaction ends."""
    assert scope.object == "DirectoryGroup"
    statement = (
        _select_groups().where(directory_group.c.id == id).with_for_update(of=directory_group)
    )
    record = session.execute(statement).one_or_none()
    return _group_row(record) if record else None


def find(
    session: Session, scope: Scope, equal_columns: Mapping[str, str], skip: int, limit: int | None
) -> tuple[list[GroupRow], int]:
    """Return groups in the order of their creation, after the first `skip`, and how many match.

    `equal_columns` maps display_name or external_id to the value it must have.
    """
    assert scope.object == "DirectoryGroup"
    columns: dict[str, ColumnElement[Any]] = {
        "display_name": func.lower(directory_group.c.display_name),
        "external_id": directory_group.c.external_id,
    }
    statement = _select_groups().where(
        *(columns[name] == text for name, text in equal_columns.items())
    )
    records = session.execute(
        statement.order_by(directory_group.c.created_at, directory_group.c.id)
        .offset(skip)
        .limit(limit)
    )
    return [_group_row(record) for record in records], _count_rows(session, statement)


def list_groups(session: Session, scope: Scope, window: Window) -> Page[GroupRow]:
    """Return a page of groups by name."""
    assert scope.object == "DirectoryGroup"
    order = [(directory_group.c.display_name, "asc"), (directory_group.c.id, "asc")]
    page_of_records = page(session, _select_groups(), order=order, window=window)  # type: ignore[arg-type]
    return page_of_records.map(_group_row)


def id_by_name(session: Session, name: str) -> DirectoryGroupId | None:
    """Return the id of the group with this name, in any case, or None."""
    group_id = session.execute(
        select(directory_group.c.id).where(
            func.lower(directory_group.c.display_name) == func.lower(name)
        )
    ).scalar_one_or_none()
    return DirectoryGroupId(group_id) if group_id else None


def _select_groups() -> Select[Any]:
    return select(directory_group, _ROLES, _SIZE)


def _group_row(record: Row[Any]) -> GroupRow:
    return GroupRow(
        id=DirectoryGroupId(record.id),
        display_name=record.display_name,
        external_id=record.external_id,
        roles=tuple(record.roles or ()),
        size=record.size,
        version=record.version,
        created_at=record.created_at,
        updated_at=record.updated_at,
    )


def add(session: Session, display_name: str, external_id: str | None) -> DirectoryGroupId:
    """Store a new group and return its id."""
    id: UUID = session.execute(
        insert(directory_group)
        .values(display_name=display_name, external_id=external_id)
        .returning(directory_group.c.id)
    ).scalar_one()
    return DirectoryGroupId(id)


def change(session: Session, id: DirectoryGroupId, **values: object) -> None:
    """Set columns of a group and raise its version."""
    versioned = {"version": directory_group.c.version + 1, "updated_at": func.now()}
    session.execute(
        update(directory_group).where(directory_group.c.id == id).values(values | versioned)
    )


def delete_group(session: Session, id: DirectoryGroupId) -> None:
    """Delete a group with its memberships and the roles it confers."""
    session.execute(delete(directory_group).where(directory_group.c.id == id))


def members(
    session: Session, ids: Sequence[DirectoryGroupId]
) -> dict[DirectoryGroupId, list[Member]]:
    """Return the members of each group."""
    records = session.execute(
        select(directory_member)
        .where(among(directory_member.c.group_id, ids))
        .order_by(directory_member.c.user_id)
    )
    by_group: dict[DirectoryGroupId, list[Member]] = {id: [] for id in ids}
    for record in records:
        by_group[DirectoryGroupId(record.group_id)].append(
            Member(UserId(record.user_id), record.display)
        )
    return by_group


def memberships(
    session: Session, ids: Sequence[UserId]
) -> dict[UserId, list[tuple[DirectoryGroupId, str]]]:
    """Return the ids and names of the groups of each user."""
    records = session.execute(
        select(directory_member.c.user_id, directory_group.c.id, directory_group.c.display_name)
        .join(directory_group, directory_group.c.id == directory_member.c.group_id)
        .where(among(directory_member.c.user_id, ids))
        .order_by(directory_group.c.display_name)
    )
    by_user: dict[UserId, list[tuple[DirectoryGroupId, str]]] = {id: [] for id in ids}
    for record in records:
        by_user[UserId(record.user_id)].append((DirectoryGroupId(record.id), record.display_name))
    return by_user


def set_members(session: Session, id: DirectoryGroupId, members: Iterable[Member]) -> None:
    """Replace the members of a group."""
    session.execute(delete(directory_member).where(directory_member.c.group_id == id))
    rows = [
        {"group_id": id, "user_id": member.user, "display": member.display} for member in members
    ]
    if rows:
        session.execute(insert(directory_member), rows)


def set_roles(
    session: Session, id: DirectoryGroupId, names: Iterable[str], role_ids: Mapping[str, RoleId]
) -> None:
    """Replace the roles that a group confers."""
    session.execute(delete(directory_group_role).where(directory_group_role.c.group_id == id))
    rows = [{"group_id": id, "role_id": role_ids[name]} for name in sorted(set(names))]
    if rows:
        session.execute(insert(directory_group_role), rows)


def _raise_versions(session: Session, ids: list[UUID]) -> None:
    versioned = {"version": directory_group.c.version + 1, "updated_at": func.now()}
    session.execute(
        update(directory_group).where(among(directory_group.c.id, ids)).values(versioned)
    )


def _count_rows(session: Session, statement: Select[Any]) -> int:
    rows = statement.order_by(None).subquery()
    return int(session.execute(select(func.count()).select_from(rows)).scalar_one())
