"""Projects and their members as rows. The one who leads a project is its owner to row scopes."""

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
from chassis.policy.row_scopes import RowAccess, RowColumns
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

    @property
    def access(self) -> RowAccess:
        return RowAccess(self.lead, None)


@dataclass(frozen=True, slots=True)
class MemberRow:
    """Somebody on a project, and until when; null: as long as it lasts."""

    user: UserId
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Filter:
    """Which projects a list is about; what is left out does not matter."""

    member: UserId | None = None
    open_only: bool = False
    search: str | None = None


def visible(scope: Scope) -> Select[Any]:
    """All projects that this scope may see."""
    return select(project).where(scope.where(_COLUMNS))


def by_ids(session: Session, scope: Scope, ids: Sequence[ProjectId]) -> list[ProjectRow | None]:
    """The projects of these ids, in their order, `None` for a gap."""
    selected = among(project.c.id, ids)
    rows = session.execute(visible(scope).where(selected))
    return in_order(ids, map(row, rows), lambda found: found.id)


def listed(session: Session, scope: Scope, filter: Filter, window: Window) -> Page[ProjectRow]:
    """A page of projects by name."""
    found = page(
        session,
        visible(scope).where(*_conditions(filter)),
        order=[(project.c.name, "asc"), (project.c.id, "asc")],
        window=window,
    )
    return found.map(row)


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
    """One project, held until the transaction ends."""
    found = session.execute(visible(scope).where(project.c.id == id).with_for_update())
    one = found.one_or_none()
    return row(one) if one else None


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
    """A page of those who are or were on a project that may be seen, by the names colleagues read."""
    found = page(
        session,
        select(user.c.id, project_member.c.until, user.c.display_name)
        .select_from(project_member.join(user, user.c.id == project_member.c.user_id))
        .where(project_member.c.project_id.in_(select(visible(scope).subquery().c.id)))
        .where(project_member.c.project_id == id),
        order=[(user.c.display_name, "asc"), (user.c.id, "asc")],
        window=window,
    )
    rows = [MemberRow(UserId(r.id), r.until) for r in found.rows]
    return Page(rows, found.cursors, found.has_next, found.has_previous)


def join(
    session: Session, id: ProjectId, users: Sequence[UserId], until: datetime | None
) -> list[UserId]:
    """Let these be on a project until then; answer for whom that is new or another end."""
    if not users:
        return []
    given = upsert(project_member).values(
        [{"project_id": id, "user_id": one, "until": until} for one in users]
    )
    done = session.execute(
        given.on_conflict_do_update(
            index_elements=[project_member.c.project_id, project_member.c.user_id],
            set_={"until": given.excluded.until},
            where=project_member.c.until.is_distinct_from(given.excluded.until),
        ).returning(project_member.c.user_id)
    )
    return [UserId(one) for one in done.scalars()]


def leave(session: Session, id: ProjectId, users: Sequence[UserId]) -> list[UserId]:
    """Let these be on it no longer; answer who was."""
    done = session.execute(
        delete(project_member)
        .where(
            project_member.c.project_id == id,
            among(project_member.c.user_id, users),
        )
        .returning(project_member.c.user_id)
    )
    return [UserId(one) for one in done.scalars()]


def leave_all(session: Session, user_id: UserId) -> int:
    """Take somebody off every project; answer how many there were."""
    done = session.execute(
        delete(project_member)
        .where(project_member.c.user_id == user_id)
        .returning(project_member.c.project_id)
    )
    return len(done.all())


def count_of(session: Session, user_id: UserId) -> int:
    """How many projects somebody is on."""
    statement = select(func.count()).where(project_member.c.user_id == user_id)
    return int(session.execute(statement).scalar_one())


def row(found: Row[Any]) -> ProjectRow:
    """A selected row as a value."""
    return ProjectRow(
        id=ProjectId(found.id),
        name=found.name,
        description=found.description,
        lead=UserId(found.lead_id) if found.lead_id else None,
        ends_at=found.ends_at,
        version=found.version,
    )
