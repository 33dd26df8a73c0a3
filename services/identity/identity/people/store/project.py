"""Projects and their members as rows. To row scopes the lead of a project is its owner."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from chassis.api.paging import Page, Window, page
from chassis.db import among, in_order
from chassis.policy.row_scopes import RowColumns
from chassis.policy.scope import Scope
from identity.core.domain.ids import ProjectId, UserId
from identity.core.store.metadata import metadata
from identity.people.store.user import user

project = Table(
    "project",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=func.uuidv7()),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("lead_id", Uuid),
    Column("ends_at", DateTime(timezone=True)),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
project_member = Table(
    "project_member",
    metadata,
    Column("project_id", Uuid, primary_key=True),
    Column("user_id", Uuid, primary_key=True),
    Column("until", DateTime(timezone=True)),
    Column("added_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
_COLUMNS = RowColumns(owner=project.c.lead_id, department=null())


@dataclass(frozen=True, slots=True)
class ProjectRow:
    """A project."""

    id: ProjectId
    name: str
    description: str
    lead: UserId | None
    ends_at: datetime | None
    version: int


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A member of a project, and until when; `None`: as long as the project lasts."""

    user: UserId
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Filter:
    """The conditions of a list of projects; `None` and `False` set no condition."""

    member: UserId | None = None
    open_only: bool = False
    search: str | None = None


def visible(scope: Scope) -> Select[Any]:
    """Select all projects that the scope may see."""
    return select(project).where(scope.where(_COLUMNS))


def by_ids(session: Session, scope: Scope, ids: Sequence[ProjectId]) -> list[ProjectRow | None]:
    """Return the projects of these ids in their order, `None` for a gap."""
    selected = among(project.c.id, ids)
    rows = session.execute(visible(scope).where(selected))
    return in_order(ids, map(read_row, rows), lambda row: row.id)


def listed(session: Session, scope: Scope, filter: Filter, window: Window) -> Page[ProjectRow]:
    """Return one page of projects by name."""
    rows = page(
        session,
        visible(scope).where(*_conditions(filter)),
        order=[(project.c.name, "asc"), (project.c.id, "asc")],
        window=window,
    )
    return rows.map(read_row)


def _conditions(filter: Filter) -> Iterator[ColumnElement[bool]]:
    if filter.member is not None:
        yield project.c.id.in_(
            select(project_member.c.project_id).where(project_member.c.user_id == filter.member)
        )
    if filter.open_only:
        yield or_(project.c.ends_at.is_(None), project.c.ends_at > func.now())
    if filter.search:
        yield project.c.name.icontains(filter.search, autoescape=True)


def locked(session: Session, scope: Scope, id: ProjectId) -> ProjectRow | None:
    """Return one project, locked until the transaction ends."""
    rows = session.execute(visible(scope).where(project.c.id == id).with_for_update())
    row = rows.one_or_none()
    return read_row(row) if row else None


def named(session: Session, name: str) -> bool:
    """Whether there is a project of this name."""
    return session.execute(select(project.c.id).where(project.c.name == name)).first() is not None


def add(session: Session, **values: object) -> ProjectId:
    """Write a new project down."""
    id: UUID = session.execute(insert(project).values(values).returning(project.c.id)).scalar_one()
    return ProjectId(id)


def change(session: Session, id: ProjectId, **values: object) -> None:
    """Set these columns of one project."""
    session.execute(
        update(project)
        .where(project.c.id == id)
        .values(values | {"version": project.c.version + 1, "updated_at": func.now()})
    )


def members(session: Session, scope: Scope, id: ProjectId, window: Window) -> Page[MemberRow]:
    """Return one page of present and past members of a visible project, by display name."""
    rows = page(
        session,
        select(user.c.id, project_member.c.until, user.c.display_name)
        .select_from(project_member.join(user, user.c.id == project_member.c.user_id))
        .where(project_member.c.project_id.in_(select(visible(scope).subquery().c.id)))
        .where(project_member.c.project_id == id),
        order=[(user.c.display_name, "asc"), (user.c.id, "asc")],
        window=window,
    )
    return rows.map(lambda row: MemberRow(UserId(row.id), row.until))


def join(
    session: Session, id: ProjectId, users: Sequence[UserId], until: datetime | None
) -> list[UserId]:
    """Add members or change their end; return the ids of those for whom that changed anything."""
    if not users:
        return []
    rows = upsert(project_member).values(
        [{"project_id": id, "user_id": user_id, "until": until} for user_id in users]
    )
    changed = session.execute(
        rows.on_conflict_do_update(
            index_elements=[project_member.c.project_id, project_member.c.user_id],
            set_={"until": rows.excluded.until},
            where=project_member.c.until.is_distinct_from(rows.excluded.until),
        ).returning(project_member.c.user_id)
    )
    return [UserId(user_id) for user_id in changed.scalars()]


def leave(session: Session, id: ProjectId, users: Sequence[UserId]) -> list[UserId]:
    """Remove members; return the ids of those who were members."""
    removed = session.execute(
        delete(project_member)
        .where(
            project_member.c.project_id == id,
            among(project_member.c.user_id, users),
        )
        .returning(project_member.c.user_id)
    )
    return [UserId(user_id) for user_id in removed.scalars()]


def leave_all(session: Session, user_id: UserId) -> int:
    """Remove a user from every project; return how many there were."""
    removed = session.execute(
        delete(project_member)
        .where(project_member.c.user_id == user_id)
        .returning(project_member.c.project_id)
    )
    return len(removed.all())


def read_row(selected: Row[Any]) -> ProjectRow:
    """Convert a selected row to a value."""
    return ProjectRow(
        id=ProjectId(selected.id),
        name=selected.name,
        description=selected.description,
        lead=UserId(selected.lead_id) if selected.lead_id else None,
        ends_at=selected.ends_at,
        version=selected.version,
    )
