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
from chassis.policy.row_scopes import RowAccess, RowColumns
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
    """A user with the names of their roles; nothing they could be signed in with."""

    id: UserId
    username: str
    display_name: str
    kind: Kind
    status: Status
    department: DepartmentId | None
    roles: tuple[str, ...]
    access_until: datetime | None
    version: int

    @property
    def access(self) -> RowAccess:
        """How row scopes see this user: everybody is their own owner."""
        return RowAccess(self.id, self.department)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What signing in is checked against."""

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
"""Whether somebody has any access now, by the database's clock."""
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
    """All users that this scope may see."""
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
    """The users of these ids that may be seen, in their order, `None` for a gap."""
    selected = among(user.c.id, ids)
    rows = session.execute(visible(scope).where(selected))
    return in_order(ids, map(row, rows), lambda found: found.id)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which users a list is about; what is left out does not matter."""

    department: DepartmentId | None = None
    below: bool = False
    role: str | None = None
    status: Status | None = None
    kind: Kind | None = None
    search: str | None = None
    access_ends_before: datetime | None = None


def listed(session: Session, scope: Scope, filter: Filter, window: Window) -> Page[UserRow]:
    """A page of users by the name that colleagues read."""
    found = page(
        session,
        visible(scope).where(*_conditions(filter)),
        order=[(user.c.display_name, "asc"), (user.c.id, "asc")],
        window=window,
    )
    return found.map(row)


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
    """One user that may be seen, held until the transaction ends."""
    found = session.execute(visible(scope).where(user.c.id == id).with_for_update(of=user))
    one = found.one_or_none()
    return row(one) if one else None


def credentials(session: Session, username: str) -> Credentials | None:
    """What somebody of this name signs in with."""
    return _credentials(session, user.c.username == username)


def credentials_of(session: Session, id: UserId) -> Credentials | None:
    """What this user signs in with."""
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
    one = session.execute(select(*columns).where(condition)).one_or_none()
    if one is None:
        return None
    return Credentials(
        UserId(one.id),
        one.username,
        one.password_hash,
        one.active,
        one.display_name,
        one.must_change_password,
    )


def hold(session: Session, id: UserId) -> None:
    """Keep a user as they are until the transaction ends; others wait."""
    session.execute(select(user.c.id).where(user.c.id == id).with_for_update())


def kind_of(session: Session, id: UserId) -> Kind | None:
    """Whether this is a person or a service; None: there is nobody of this id."""
    found = session.execute(select(user.c.kind).where(user.c.id == id)).scalar_one_or_none()
    return Kind(found) if found else None


@dataclass(frozen=True, slots=True)
class About:
    """What must be known of somebody whom a command names, whoever sends it."""

    kind: Kind
    department: DepartmentId | None
    works_here: bool


def about(session: Session, id: UserId) -> About | None:
    """Whether there is such a user, and of what kind. Nothing personal leaves here, so it takes no
    scope."""
    columns = (user.c.kind, user.c.department_id, WORKS_HERE.label("works_here"))
    one = session.execute(select(*columns).where(user.c.id == id)).one_or_none()
    if one is None:
        return None
    department = DepartmentId(one.department_id) if one.department_id else None
    return About(Kind(one.kind), department, one.works_here)


def told(session: Session, id: UUID) -> dict[str, str | None]:
    """Whom a fact concerns: the user and their department, by id. No scope, as with `about`."""
    found = about(session, UserId(id))
    department = str(found.department) if found and found.department else None
    return {"user": str(id), "department": department}


def services_among(session: Session, ids: Sequence[UUID]) -> set[UUID]:
    """Those of them who are no people."""
    asked = select(user.c.id).where(user.c.id.in_(ids), user.c.kind == Kind.SERVICE.value)
    return set(session.execute(asked).scalars())


def exists(session: Session, id: UUID) -> bool:
    """Whether there is a user of this id."""
    return session.execute(select(user.c.id).where(user.c.id == id)).first() is not None


def people_who_can_sign_in(session: Session) -> list[UserId]:
    """Active people with a password, whose access does not end by itself: those who could repair a
    policy, today and on any day to come."""
    found = session.execute(
        select(user.c.id).where(
            user.c.status == Status.ACTIVE.value,
            user.c.access_until.is_(None),
            user.c.kind == Kind.PERSON.value,
            user.c.password_hash.is_not(None),
        )
    )
    return [UserId(id) for id in found.scalars()]


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
    """Write a new user down."""
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
    """Set these columns of one user."""
    session.execute(
        update(user)
        .where(user.c.id == id)
        .values(values | {"version": user.c.version + 1, "updated_at": func.now()})
    )


def give_roles(
    session: Session, id: UserId, roles: Sequence[str], known: Mapping[str, RoleId]
) -> None:
    """Let a user have exactly these roles."""
    session.execute(delete(user_role).where(user_role.c.user_id == id))
    rows = [{"user_id": id, "role_id": known[name]} for name in sorted(set(roles))]
    if rows:
        session.execute(insert(user_role), rows)


def roles_by_hand(session: Session, ids: Sequence[UUID]) -> dict[UUID, tuple[str, ...]]:
    """The roles these users were given themselves, not those that a directory confers."""
    found = session.execute(
        select(user_role.c.user_id, role.c.name)
        .join(role, role.c.id == user_role.c.role_id)
        .where(among(user_role.c.user_id, ids))
        .order_by(role.c.name)
    )
    names: dict[UUID, tuple[str, ...]] = {}
    for one in found:
        names[one.user_id] = (*names.get(one.user_id, ()), one.name)
    return names


def row(found: Row[Any]) -> UserRow:
    """A selected row as a value."""
    return UserRow(
        id=UserId(found.id),
        username=found.username,
        display_name=found.display_name,
        kind=Kind(found.kind),
        status=Status(found.status),
        department=DepartmentId(found.department_id) if found.department_id else None,
        roles=tuple(found.roles or ()),
        access_until=found.access_until,
        version=found.version,
    )
