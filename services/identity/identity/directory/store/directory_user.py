"""Store what a directory sent about people, sealed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
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
    select,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from chassis.db import among
from chassis.policy.row_scopes import RowColumns
from chassis.policy.scope import Scope
from identity.core.domain.ids import DepartmentId, UserId
from identity.core.domain.seal import Seal
from identity.core.store.metadata import metadata
from identity.directory.store.directory_group import leave_groups
from identity.people.domain.user import Kind, Status
from identity.people.store.department import department
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


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A person with what the directory sent about them."""

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


_ACCESS = RowColumns(owner=user.c.id, department=user.c.department_id)


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


def by_id(session: Session, scope: Scope, seal: Seal, id: UserId) -> PersonRow | None:
    """Return a person who did not leave, or None."""
    record = session.execute(_select_people(scope).where(user.c.id == id)).one_or_none()
    return _person_row(record, seal) if record else None


def find(
    session: Session,
    scope: Scope,
    seal: Seal,
    equal_columns: Mapping[str, str],
    skip: int,
    limit: int | None,
) -> tuple[list[PersonRow], int]:
    """Return people in the order of their creation, after the first `skip`, and how many match.

    `equal_columns` maps username or external_id to the value it must have.
    """
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
    """Store what the directory sent about a person, sealed: it may hold addresses and numbers."""
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
    """Delete what the directory sent about a person who left, and remove them from all groups."""
    cleared = {"external_id": None, "sealed": None, "seal": None, "deleted_at": func.now()}
    session.execute(
        upsert(directory_user)
        .values(user_id=id, **cleared)
        .on_conflict_do_update(index_elements=["user_id"], set_=cleared)
    )
    leave_groups(session, id)


def department_paths(session: Session) -> dict[DepartmentId, tuple[str, ...]]:
    """Return every department with the names on the path down to it."""
    records = session.execute(select(department.c.id, department.c.name, department.c.parent_id))
    names_and_parents = {record.id: (record.name, record.parent_id) for record in records}

    def path(id: UUID) -> tuple[str, ...]:
        name, parent = names_and_parents[id]
        return (*path(parent), name) if parent in names_and_parents else (name,)

    return {DepartmentId(id): path(id) for id in names_and_parents}


def existing_people(session: Session, ids: Iterable[UserId]) -> frozenset[UserId]:
    """Filter ids to persons who did not leave."""
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


def _seal_name(id: UUID) -> str:
    return f"directory_user {id}"


def _count_rows(session: Session, statement: Select[Any]) -> int:
    """Return how many rows a statement selects."""
    rows = statement.order_by(None).subquery()
    return int(session.execute(select(func.count()).select_from(rows)).scalar_one())
