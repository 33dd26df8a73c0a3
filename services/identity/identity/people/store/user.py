"""Users as rows: people, and the parts of the system that sign in like people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    DateTime,
    Integer,
    Row,
    Select,
    Table,
    Text,
    Uuid,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by
from sqlalchemy.orm import Session

from chassis.api.paging import Page, Window, page
from chassis.db import among, in_order
from chassis.policy.row_scopes import RowColumns
from chassis.policy.scope import Scope
from identity.core.domain.ids import DepartmentId, RoleId, UserId
from identity.core.store.metadata import metadata
from identity.people.domain.user import Kind, Status
from identity.people.store.department import department_path
from identity.people.store.role import role

user = Table(
    "user_account",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=func.uuidv7()),
    Column("username", Text, nullable=False),
    Column("display_name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False, server_default="active"),
    Column("department_id", Uuid),
    Column("password_hash", Text),
    Column("access_until", DateTime(timezone=True)),
    Column("access_ended_at", DateTime(timezone=True)),
    Column("left_at", DateTime(timezone=True)),
    Column("must_change_password", Boolean, nullable=False, server_default="false"),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

user_role = Table(
    "user_role",
    metadata,
    Column("user_id", Uuid, primary_key=True),
    Column("role_id", Uuid, primary_key=True),
)


@dataclass(frozen=True, slots=True)
class UserRow:
    """A user with the names of their roles, without credentials."""

    id: UserId
    username: str
    display_name: str
    kind: Kind
    status: Status
    department: DepartmentId | None
    roles: tuple[str, ...]
    access_until: datetime | None
    version: int


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a sign-in is checked against."""

    id: UserId
    username: str
    password_hash: str | None
    active: bool
    display_name: str
    must_change: bool


WORKS_HERE: ColumnElement[bool] = and_(
    user.c.status == Status.ACTIVE.value,
    or_(user.c.access_until.is_(None), user.c.access_until > func.now()),
)
"""The condition that a user has any access now, by the database's clock."""
_COLUMNS = RowColumns(owner=user.c.id, department=user.c.department_id)
_ROLES = (
    select(func.array_agg(aggregate_order_by(role.c.name, role.c.name), type_=ARRAY(Text)))
    .select_from(user_role.join(role, role.c.id == user_role.c.role_id))
    .where(user_role.c.user_id == user.c.id)
    .correlate(user)
    .scalar_subquery()
    .label("roles")
)


def visible(scope: Scope) -> Select[Any]:
    """Select all users that the scope may see."""
    return _selected().where(scope.where(_COLUMNS))


def _selected() -> Select[Any]:
    return select(
        user.c.id,
        user.c.username,
        user.c.display_name,
        user.c.kind,
        user.c.status,
        user.c.department_id,
        user.c.access_until,
        user.c.version,
        _ROLES,
    )


def by_ids(session: Session, scope: Scope, ids: Sequence[UserId]) -> list[UserRow | None]:
    """Return the visible users of these ids in their order, `None` for a gap."""
    selected = among(user.c.id, ids)
    rows = session.execute(visible(scope).where(selected))
    return in_order(ids, map(read_row, rows), lambda row: row.id)


@dataclass(frozen=True, slots=True)
class Filter:
    """The conditions of a list of users; `None` and `False` set no condition."""

    department: DepartmentId | None = None
    below: bool = False
    role: str | None = None
    status: Status | None = None
    kind: Kind | None = None
    search: str | None = None
    access_ends_before: datetime | None = None


def listed(session: Session, scope: Scope, filter: Filter, window: Window) -> Page[UserRow]:
    """Return one page of users by display name."""
    rows = page(
        session,
        visible(scope).where(*_conditions(filter)),
        order=[(user.c.display_name, "asc"), (user.c.id, "asc")],
        window=window,
    )
    return rows.map(read_row)


def _conditions(filter: Filter) -> Iterator[ColumnElement[bool]]:
    if filter.department is not None and filter.below:
        yield user.c.department_id.in_(
            select(department_path.c.descendant_id).where(
                department_path.c.ancestor_id == filter.department
            )
        )
    elif filter.department is not None:
        yield user.c.department_id == filter.department
    if filter.role is not None:
        yield user.c.id.in_(
            select(user_role.c.user_id)
            .join(role, role.c.id == user_role.c.role_id)
            .where(role.c.name == filter.role)
        )
    if filter.status is not None:
        yield user.c.status == filter.status.value
    if filter.kind is not None:
        yield user.c.kind == filter.kind.value
    if filter.access_ends_before is not None:
        yield user.c.access_until <= filter.access_ends_before
    if filter.search:
        yield or_(
            user.c.display_name.icontains(filter.search, autoescape=True),
            user.c.username == filter.search.lower(),
        )


def locked(session: Session, scope: Scope, id: UserId) -> UserRow | None:
    """Return one user that may be seen, locked until the transaction ends."""
    rows = session.execute(visible(scope).where(user.c.id == id).with_for_update(of=user))
    row = rows.one_or_none()
    return read_row(row) if row else None


def credentials(session: Session, username: str) -> Credentials | None:
    """Return the credentials of the user of this name."""
    return _credentials(session, user.c.username == username)


def credentials_of(session: Session, id: UserId) -> Credentials | None:
    """Return the credentials of this user."""
    return _credentials(session, user.c.id == id)


def _credentials(session: Session, condition: ColumnElement[bool]) -> Credentials | None:
    columns = (
        user.c.id,
        user.c.username,
        user.c.password_hash,
        WORKS_HERE.label("active"),
        user.c.display_name,
        user.c.must_change_password,
    )
    row = session.execute(select(*columns).where(condition)).one_or_none()
    if row is None:
        return None
    return Credentials(
        UserId(row.id),
        row.username,
        row.password_hash,
        row.active,
        row.display_name,
        row.must_change_password,
    )


def hold(session: Session, id: UserId) -> None:
    """Lock a user until the transaction ends."""
    session.execute(select(user.c.id).where(user.c.id == id).with_for_update())


def kind_of(session: Session, id: UserId) -> Kind | None:
    """Return the kind of a user; `None`: there is no user of this id."""
    kind = session.execute(select(user.c.kind).where(user.c.id == id)).scalar_one_or_none()
    return Kind(kind) if kind else None


@dataclass(frozen=True, slots=True)
class About:
    """What a command needs to know of a user that it names, whatever its caller may see."""

    kind: Kind
    department: DepartmentId | None
    works_here: bool


def about(session: Session, id: UserId) -> About | None:
    """Return what a command needs to know of a user, or `None` if there is no such user.

    Nothing of it is personal, so it takes no scope.
    """
    columns = (user.c.kind, user.c.department_id, WORKS_HERE.label("works_here"))
    row = session.execute(select(*columns).where(user.c.id == id)).one_or_none()
    if row is None:
        return None
    department = DepartmentId(row.department_id) if row.department_id else None
    return About(Kind(row.kind), department, row.works_here)


def identified(session: Session, id: UUID) -> dict[str, str | None]:
    """Return the ids of a user and their department, as facts carry them.

    Nothing of it is personal, so it takes no scope.
    """
    row = about(session, UserId(id))
    department = str(row.department) if row and row.department else None
    return {"user": str(id), "department": department}


def services_among(session: Session, ids: Sequence[UUID]) -> set[UUID]:
    """Return the ids of the service users among these."""
    statement = select(user.c.id).where(user.c.id.in_(ids), user.c.kind == Kind.SERVICE.value)
    return set(session.execute(statement).scalars())


def exists(session: Session, id: UUID) -> bool:
    """Return whether there is a user of this id."""
    return session.execute(select(user.c.id).where(user.c.id == id)).first() is not None


def people_who_can_sign_in(session: Session) -> list[UserId]:
    """Return the active people with a password whose access does not end by itself.

    They could repair a policy, today and on any day to come.
    """
    ids = session.execute(
        select(user.c.id).where(
            user.c.status == Status.ACTIVE.value,
            user.c.access_until.is_(None),
            user.c.kind == Kind.PERSON.value,
            user.c.password_hash.is_not(None),
        )
    )
    return [UserId(id) for id in ids.scalars()]


def add(
    session: Session,
    *,
    username: str,
    display_name: str,
    kind: Kind,
    department: DepartmentId | None,
    password_hash: str | None,
    access_until: datetime | None = None,
    must_change_password: bool = False,
) -> UserId:
    """Insert a user and return the id."""
    id: UUID = session.execute(
        insert(user)
        .values(
            username=username,
            display_name=display_name,
            kind=kind.value,
            department_id=department,
            password_hash=password_hash,
            access_until=access_until,
            must_change_password=must_change_password,
        )
        .returning(user.c.id)
    ).scalar_one()
    return UserId(id)


def change(session: Session, id: UserId, **values: object) -> None:
    """Set columns of one user and count their version up."""
    session.execute(
        update(user)
        .where(user.c.id == id)
        .values(values | {"version": user.c.version + 1, "updated_at": func.now()})
    )


def give_roles(
    session: Session, id: UserId, roles: Sequence[str], role_ids: Mapping[str, RoleId]
) -> None:
    """Give a user exactly these roles; `role_ids` has the id of every role by name."""
    session.execute(delete(user_role).where(user_role.c.user_id == id))
    rows = [{"user_id": id, "role_id": role_ids[name]} for name in sorted(set(roles))]
    if rows:
        session.execute(insert(user_role), rows)


def roles_by_hand(session: Session, ids: Sequence[UUID]) -> dict[UUID, tuple[str, ...]]:
    """Return the roles given to these users directly, not those that a directory confers."""
    rows = session.execute(
        select(user_role.c.user_id, role.c.name)
        .join(role, role.c.id == user_role.c.role_id)
        .where(among(user_role.c.user_id, ids))
        .order_by(role.c.name)
    )
    names: dict[UUID, tuple[str, ...]] = {}
    for row in rows:
        names[row.user_id] = (*names.get(row.user_id, ()), row.name)
    return names


def read_row(selected: Row[Any]) -> UserRow:
    """Convert a selected row to a value."""
    return UserRow(
        id=UserId(selected.id),
        username=selected.username,
        display_name=selected.display_name,
        kind=Kind(selected.kind),
        status=Status(selected.status),
        department=DepartmentId(selected.department_id) if selected.department_id else None,
        roles=tuple(selected.roles or ()),
        access_until=selected.access_until,
        version=selected.version,
    )
