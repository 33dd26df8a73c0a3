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
    any_,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by, insert as upsert
from sqlalchemy.orm import Session

from chassis.api.paging import Page, Window, page
from chassis.policy.row_scopes import RowColumns
from chassis.policy.scope import Scope
from identity.core.domain.ids import DepartmentId, DirectoryGroupId, RoleId, UserId
from identity.core.domain.seal import Seal
from identity.core.store.metadata import metadata
from identity.directory.domain.directory import Member
from identity.people.domain.user import Kind, Status
from identity.people.store.department import department
from identity.people.store.role import role
from identity.people.store.user import user

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


def _people(scope: Scope) -> Select[Any]:
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


def person(session: Session, scope: Scope, seal: Seal, id: UserId) -> PersonRow | None:
    """One person who did not leave."""
    found = session.execute(_people(scope).where(user.c.id == id)).one_or_none()
    return _person(found, seal) if found else None


def people(
    session: Session,
    scope: Scope,
    seal: Seal,
    where: Mapping[str, str],
    skip: int,
    most: int | None,
) -> tuple[list[PersonRow], int]:
    """People in the order they came, from the one after `skip` on; and how many there are."""
    columns = {"username": user.c.username, "external_id": directory_user.c.external_id}
    statement = _people(scope).where(*(columns[name] == text for name, text in where.items()))
    return [
        _person(one, seal)
        for one in session.execute(
            statement.order_by(user.c.created_at, user.c.id).offset(skip).limit(most)
        )
    ], _count(session, statement)


def _person(found: Row[Any], seal: Seal) -> PersonRow:
    return PersonRow(
        id=UserId(found.id),
        username=found.username,
        display_name=found.display_name,
        status=Status(found.status),
        department=DepartmentId(found.department_id) if found.department_id else None,
        has_password=found.has_password,
        version=found.version,
        created_at=found.created_at,
        updated_at=found.updated_at,
        external_id=found.external_id,
        document=seal.open(found.sealed, _sealed_as(found.id)) if found.sealed else None,
    )


def keep(
    session: Session, seal: Seal, id: UserId, external_id: str | None, document: bytes
) -> None:
    """Keep what the directory said of somebody, encrypted: it may hold addresses and numbers."""
    values = {
        "external_id": external_id,
        "sealed": seal.close(document, _sealed_as(id)),
        "seal": seal.name,
        "deleted_at": None,
    }
    session.execute(
        upsert(directory_user)
        .values(user_id=id, **values)
        .on_conflict_do_update(index_elements=["user_id"], set_=values)
    )


def forget(session: Session, id: UserId) -> None:
    """Delete what the directory said of somebody who left, and take them out of all groups."""
    gone = {"external_id": None, "sealed": None, "seal": None, "deleted_at": func.now()}
    session.execute(
        upsert(directory_user)
        .values(user_id=id, **gone)
        .on_conflict_do_update(index_elements=["user_id"], set_=gone)
    )
    leave_groups(session, id)


def leave_groups(session: Session, id: UserId) -> None:
    """Take somebody out of all groups, until the directory says otherwise."""
    left = session.execute(
        delete(directory_member)
        .where(directory_member.c.user_id == id)
        .returning(directory_member.c.group_id)
    )
    _touch(session, list(left.scalars()))


def departments(session: Session) -> dict[DepartmentId, tuple[str, ...]]:
    """Every department with the names on the way down to it."""
    found = session.execute(select(department.c.id, department.c.name, department.c.parent_id))
    known = {one.id: (one.name, one.parent_id) for one in found}

    def path(id: UUID) -> tuple[str, ...]:
        name, parent = known[id]
        return (*path(parent), name) if parent in known else (name,)

    return {DepartmentId(id): path(id) for id in known}


def group(session: Session, scope: Scope, id: DirectoryGroupId) -> GroupRow | None:
    """One group."""
    assert scope.object == "DirectoryGroup"
    found = session.execute(_groups().where(directory_group.c.id == id)).one_or_none()
    return _group(found) if found else None


def locked_group(session: Session, scope: Scope, id: DirectoryGroupId) -> GroupRow | None:
    """One group, held until the transaction ends."""
    assert scope.object == "DirectoryGroup"
    statement = _groups().where(directory_group.c.id == id).with_for_update(of=directory_group)
    found = session.execute(statement).one_or_none()
    return _group(found) if found else None


def groups(
    session: Session, scope: Scope, where: Mapping[str, str], skip: int, most: int | None
) -> tuple[list[GroupRow], int]:
    """Groups in the order they came, from the one after `skip` on; and how many there are."""
    assert scope.object == "DirectoryGroup"
    columns: dict[str, ColumnElement[Any]] = {
        "display_name": func.lower(directory_group.c.display_name),
        "external_id": directory_group.c.external_id,
    }
    statement = _groups().where(*(columns[name] == text for name, text in where.items()))
    found = session.execute(
        statement.order_by(directory_group.c.created_at, directory_group.c.id)
        .offset(skip)
        .limit(most)
    )
    return [_group(one) for one in found], _count(session, statement)


def listed(session: Session, scope: Scope, window: Window) -> Page[GroupRow]:
    """A page of groups by name."""
    assert scope.object == "DirectoryGroup"
    order = [(directory_group.c.display_name, "asc"), (directory_group.c.id, "asc")]
    found = page(session, _groups(), order=order, window=window)  # type: ignore[arg-type]
    return found.map(_group)


def group_named(session: Session, name: str) -> DirectoryGroupId | None:
    """The group of this name, in any case."""
    found = session.execute(
        select(directory_group.c.id).where(
            func.lower(directory_group.c.display_name) == func.lower(name)
        )
    ).scalar_one_or_none()
    return DirectoryGroupId(found) if found else None


def _groups() -> Select[Any]:
    return select(directory_group, _ROLES, _SIZE)


def _group(found: Row[Any]) -> GroupRow:
    return GroupRow(
        id=DirectoryGroupId(found.id),
        display_name=found.display_name,
        external_id=found.external_id,
        roles=tuple(found.roles or ()),
        size=found.size,
        version=found.version,
        created_at=found.created_at,
        updated_at=found.updated_at,
    )


def add_group(session: Session, display_name: str, external_id: str | None) -> DirectoryGroupId:
    """Write a new group down."""
    id: UUID = session.execute(
        insert(directory_group)
        .values(display_name=display_name, external_id=external_id)
        .returning(directory_group.c.id)
    ).scalar_one()
    return DirectoryGroupId(id)


def change_group(session: Session, id: DirectoryGroupId, **values: object) -> None:
    """Set these columns of one group."""
    counted = {"version": directory_group.c.version + 1, "updated_at": func.now()}
    session.execute(
        update(directory_group).where(directory_group.c.id == id).values(values | counted)
    )


def delete_group(session: Session, id: DirectoryGroupId) -> None:
    """Delete a group with its memberships and what it conferred."""
    session.execute(delete(directory_group).where(directory_group.c.id == id))


def members(
    session: Session, ids: Sequence[DirectoryGroupId]
) -> dict[DirectoryGroupId, list[Member]]:
    """Who is in each of these groups."""
    found = session.execute(
        select(directory_member)
        .where(directory_member.c.group_id == _any(ids))
        .order_by(directory_member.c.user_id)
    )
    by_group: dict[DirectoryGroupId, list[Member]] = {id: [] for id in ids}
    for one in found:
        by_group[DirectoryGroupId(one.group_id)].append(Member(UserId(one.user_id), one.display))
    return by_group


def memberships(
    session: Session, ids: Sequence[UserId]
) -> dict[UserId, list[tuple[DirectoryGroupId, str]]]:
    """The groups of each of these people, with their names."""
    found = session.execute(
        select(directory_member.c.user_id, directory_group.c.id, directory_group.c.display_name)
        .join(directory_group, directory_group.c.id == directory_member.c.group_id)
        .where(directory_member.c.user_id == _any(ids))
        .order_by(directory_group.c.display_name)
    )
    by_user: dict[UserId, list[tuple[DirectoryGroupId, str]]] = {id: [] for id in ids}
    for one in found:
        by_user[UserId(one.user_id)].append((DirectoryGroupId(one.id), one.display_name))
    return by_user


def known_people(session: Session, ids: Iterable[UserId]) -> frozenset[UserId]:
    """Those of these who are people and did not leave."""
    found = session.execute(
        select(user.c.id)
        .join(directory_user, directory_user.c.user_id == user.c.id, isouter=True)
        .where(
            user.c.id == _any(list(ids)),
            user.c.kind == Kind.PERSON.value,
            directory_user.c.deleted_at.is_(None),
        )
    )
    return frozenset(UserId(id) for id in found.scalars())


def set_members(session: Session, id: DirectoryGroupId, wanted: Iterable[Member]) -> None:
    """Let exactly these be in a group."""
    session.execute(delete(directory_member).where(directory_member.c.group_id == id))
    rows = [{"group_id": id, "user_id": one.user, "display": one.display} for one in wanted]
    if rows:
        session.execute(insert(directory_member), rows)


def tie(
    session: Session, id: DirectoryGroupId, names: Iterable[str], known: Mapping[str, RoleId]
) -> None:
    """Let a group confer exactly these roles."""
    session.execute(delete(directory_group_role).where(directory_group_role.c.group_id == id))
    rows = [{"group_id": id, "role_id": known[name]} for name in sorted(set(names))]
    if rows:
        session.execute(insert(directory_group_role), rows)


def _touch(session: Session, ids: list[UUID]) -> None:
    counted = {"version": directory_group.c.version + 1, "updated_at": func.now()}
    session.execute(
        update(directory_group).where(directory_group.c.id == _any(ids)).values(counted)
    )


def _count(session: Session, statement: Select[Any]) -> int:
    rows = statement.order_by(None).subquery()
    return int(session.execute(select(func.count()).select_from(rows)).scalar_one())


def _any(ids: Sequence[UUID]) -> ColumnElement[Any]:
    return any_(bindparam(None, list(ids), type_=ARRAY(Uuid())))


def _sealed_as(id: UUID) -> str:
    return f"directory_user {id}"
