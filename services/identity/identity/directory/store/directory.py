"""What a directory said of people, sealed, and its groups with their members, as rows."""

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
    LargeBinary,
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
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by, insert as upsert
from sqlalchemy.orm import Session

from chassis.api.paging import Page, Window, page
from chassis.db import among
from chassis.policy.guard import RowColumns, Scope
from identity.core.domain.ids import DepartmentId, DirectoryGroupId, RoleId, UserId
from identity.core.domain.seal import Seal
from identity.core.store.metadata import metadata
from identity.directory.domain.directory import Member
from identity.people.domain.user import Kind, Status
from identity.people.store.department import department
from identity.people.store.user import user
from identity.policy.store.role import role

directory_user = Table(
    "directory_user",
    metadata,
    Column("user_id", Uuid, primary_key=True),
    Column("external_id", Text),
    Column("sealed", LargeBinary),
    Column("seal", Text),
    Column("deleted_at", DateTime(timezone=True)),
)

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
class PersonRow:
    """A person with what their directory said of them."""

    id: UserId
    username: str
    display_name: str
    status: Status
    department: DepartmentId | None
    has_password: bool
    version: int
    created_at: datetime
    updated_at: datetime
    external_id: str | None
    document: bytes | None


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A group of the directory, with the roles that somebody here tied to it."""

    id: DirectoryGroupId
    display_name: str
    external_id: str | None
    roles: tuple[str, ...]
    size: int
    version: int
    created_at: datetime
    updated_at: datetime


_ACCESS = RowColumns(owner=user.c.id, department=user.c.department_id)
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


def _select_people(scope: Scope) -> Select[Any]:
    return (
        select(
            user.c.id,
            user.c.username,
            user.c.display_name,
            user.c.status,
            user.c.department_id,
            user.c.password_hash.is_not(None).label("has_password"),
            user.c.version,
            user.c.created_at,
            user.c.updated_at,
            directory_user.c.external_id,
            directory_user.c.sealed,
        )
        .join(directory_user, directory_user.c.user_id == user.c.id, isouter=True)
        .where(
            user.c.kind == Kind.PERSON.value,
            directory_user.c.deleted_at.is_(None),
            scope.where(_ACCESS),
        )
    )


def person_by_id(session: Session, scope: Scope, seal: Seal, id: UserId) -> PersonRow | None:
    """One person who did not leave."""
    record = session.execute(_select_people(scope).where(user.c.id == id)).one_or_none()
    return _person_row(record, seal) if record else None


def find_people(
    session: Session,
    scope: Scope,
    seal: Seal,
    equal_columns: Mapping[str, str],
    skip: int,
    limit: int | None,
) -> tuple[list[PersonRow], int]:
    """People in the order they came, from the one after `skip` on; and how many there are."""
    columns = {"username": user.c.username, "external_id": directory_user.c.external_id}
    statement = _select_people(scope).where(
        *(columns[name] == text for name, text in equal_columns.items())
    )
    return [
        _person_row(record, seal)
        for record in session.execute(
            statement.order_by(user.c.created_at, user.c.id).offset(skip).limit(limit)
        )
    ], _count_rows(session, statement)


def _person_row(record: Row[Any], seal: Seal) -> PersonRow:
    return PersonRow(
        id=UserId(record.id),
        username=record.username,
        display_name=record.display_name,
        status=Status(record.status),
        department=DepartmentId(record.department_id) if record.department_id else None,
        has_password=record.has_password,
        version=record.version,
        created_at=record.created_at,
        updated_at=record.updated_at,
        external_id=record.external_id,
        document=seal.open(record.sealed, _seal_name(record.id)) if record.sealed else None,
    )


def set_document(
    session: Session, seal: Seal, id: UserId, external_id: str | None, document: bytes
) -> None:
    """Keep what the directory said of somebody, encrypted: it may hold addresses and numbers."""
    values = {
        "external_id": external_id,
        "sealed": seal.close(document, _seal_name(id)),
        "seal": seal.name,
        "deleted_at": None,
    }
    session.execute(
        upsert(directory_user)
        .values(user_id=id, **values)
        .on_conflict_do_update(index_elements=["user_id"], set_=values)
    )


def delete_document(session: Session, id: UserId) -> None:
    """Delete what the directory said of somebody who left, and take them out of all groups."""
    cleared = {"external_id": None, "sealed": None, "seal": None, "deleted_at": func.now()}
    session.execute(
        upsert(directory_user)
        .values(user_id=id, **cleared)
        .on_conflict_do_update(index_elements=["user_id"], set_=cleared)
    )
    leave_groups(session, id)


def leave_groups(session: Session, id: UserId) -> None:
    """Take somebody out of all groups, until the directory says otherwise."""
    group_ids = session.execute(
        delete(directory_member)
        .where(directory_member.c.user_id == id)
        .returning(directory_member.c.group_id)
    )
    _raise_versions(session, list(group_ids.scalars()))


def department_paths(session: Session) -> dict[DepartmentId, tuple[str, ...]]:
    """Every department with the names on the way down to it."""
    records = session.execute(select(department.c.id, department.c.name, department.c.parent_id))
    names_and_parents = {record.id: (record.name, record.parent_id) for record in records}

    def path(id: UUID) -> tuple[str, ...]:
        name, parent = names_and_parents[id]
        return (*path(parent), name) if parent in names_and_parents else (name,)

    return {DepartmentId(id): path(id) for id in names_and_parents}


def by_id(session: Session, scope: Scope, id: DirectoryGroupId) -> GroupRow | None:
    """One group."""
    assert scope.object == "DirectoryGroup"
    record = session.execute(_select_groups().where(directory_group.c.id == id)).one_or_none()
    return _group_row(record) if record else None


def lock(session: Session, scope: Scope, id: DirectoryGroupId) -> GroupRow | None:
    """One group, held until the transaction ends."""
    assert scope.object == "DirectoryGroup"
    statement = (
        _select_groups().where(directory_group.c.id == id).with_for_update(of=directory_group)
    )
    record = session.execute(statement).one_or_none()
    return _group_row(record) if record else None


def find_groups(
    session: Session, scope: Scope, equal_columns: Mapping[str, str], skip: int, limit: int | None
) -> tuple[list[GroupRow], int]:
    """Groups in the order they came, from the one after `skip` on; and how many there are."""
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
    """A page of groups by name."""
    assert scope.object == "DirectoryGroup"
    order = [(directory_group.c.display_name, "asc"), (directory_group.c.id, "asc")]
    page_of_records = page(session, _select_groups(), order=order, window=window)  # type: ignore[arg-type]
    return page_of_records.map(_group_row)


def id_by_name(session: Session, name: str) -> DirectoryGroupId | None:
    """The group of this name, in any case."""
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
    """Write a new group down."""
    id: UUID = session.execute(
        insert(directory_group)
        .values(display_name=display_name, external_id=external_id)
        .returning(directory_group.c.id)
    ).scalar_one()
    return DirectoryGroupId(id)


def change(session: Session, id: DirectoryGroupId, **values: object) -> None:
    """Set these columns of one group."""
    versioned = {"version": directory_group.c.version + 1, "updated_at": func.now()}
    session.execute(
        update(directory_group).where(directory_group.c.id == id).values(values | versioned)
    )


def delete_group(session: Session, id: DirectoryGroupId) -> None:
    """Delete a group with its memberships and what it conferred."""
    session.execute(delete(directory_group).where(directory_group.c.id == id))


def members(
    session: Session, ids: Sequence[DirectoryGroupId]
) -> dict[DirectoryGroupId, list[Member]]:
    """Who is in each of these groups."""
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
    """The groups of each of these people, with their names."""
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


def existing_people(session: Session, ids: Iterable[UserId]) -> frozenset[UserId]:
    """Those of these who are people and did not leave."""
    user_ids = session.execute(
        select(user.c.id)
        .join(directory_user, directory_user.c.user_id == user.c.id, isouter=True)
        .where(
            among(user.c.id, ids),
            user.c.kind == Kind.PERSON.value,
            directory_user.c.deleted_at.is_(None),
        )
    )
    return frozenset(UserId(id) for id in user_ids.scalars())


def set_members(session: Session, id: DirectoryGroupId, members: Iterable[Member]) -> None:
    """Let exactly these be in a group."""
    session.execute(delete(directory_member).where(directory_member.c.group_id == id))
    rows = [
        {"group_id": id, "user_id": member.user, "display": member.display} for member in members
    ]
    if rows:
        session.execute(insert(directory_member), rows)


def set_roles(
    session: Session, id: DirectoryGroupId, names: Iterable[str], role_ids: Mapping[str, RoleId]
) -> None:
    """Let a group confer exactly these roles."""
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


def _seal_name(id: UUID) -> str:
    return f"directory_user {id}"
