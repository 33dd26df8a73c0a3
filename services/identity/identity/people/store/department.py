"""Departments as rows, and the closure of their tree.

`department_path` holds every department with each one above it, so that "all below" is one index
scan, and moving a department changes only rows of its own subtree, never a customer.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    literal,
    null,
    select,
    true,
    update,
)
from sqlalchemy.orm import Session

from chassis.api.paging import Page, Window, page
from chassis.db import among, in_order
from chassis.policy.row_scopes import RowColumns
from chassis.policy.scope import Scope
from identity.core.domain.ids import DepartmentId, UserId
from identity.core.store.metadata import metadata

department = Table(
    "department",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=func.uuidv7()),
    Column("name", Text, nullable=False),
    Column("parent_id", Uuid),
    Column("head_id", Uuid),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

department_path = Table(
    "department_path",
    metadata,
    Column("ancestor_id", Uuid, primary_key=True),
    Column("descendant_id", Uuid, primary_key=True),
    Column("depth", Integer, nullable=False),
)


@dataclass(frozen=True, slots=True)
class DepartmentRow:
    """A department."""

    id: DepartmentId
    name: str
    parent: DepartmentId | None
    version: int
    head: UserId | None


# A department has no owner: only its place in the tree says who may see it.
_COLUMNS = RowColumns(owner=null(), department=department.c.id)


def visible(scope: Scope) -> Select[Any]:
    """Select all departments that the scope may see."""
    return select(department).where(scope.where(_COLUMNS))


def by_ids(
    session: Session, scope: Scope, ids: Sequence[DepartmentId]
) -> list[DepartmentRow | None]:
    """Return the departments of these ids in their order, `None` for a gap."""
    rows = session.execute(visible(scope).where(among(department.c.id, ids)))
    return in_order(ids, map(read_row, rows), lambda row: row.id)


def paths(session: Session, scope: Scope, ids: Sequence[DepartmentId]) -> list[list[DepartmentRow]]:
    """Return for each department the path from the root down to itself."""
    statement = (
        visible(scope)
        .add_columns(department_path.c.descendant_id.label("of"))
        .join(department_path, department_path.c.ancestor_id == department.c.id)
        .where(among(department_path.c.descendant_id, ids))
        .order_by(department_path.c.depth.desc())
    )
    path_by_id: dict[UUID, list[DepartmentRow]] = {}
    for row in session.execute(statement):
        path_by_id.setdefault(row.of, []).append(read_row(row))
    return [path_by_id.get(id, []) for id in ids]


def listed(
    session: Session,
    scope: Scope,
    window: Window,
    *,
    within: DepartmentId | None = None,
    parent: DepartmentId | None = None,
) -> Page[DepartmentRow]:
    """Return one page of departments by name.

    `within` limits it to a department and all below it, `parent` to the children of a department.
    """
    statement = visible(scope)
    if within is not None:
        below = select(department_path.c.descendant_id).where(
            department_path.c.ancestor_id == within
        )
        statement = statement.where(department.c.id.in_(below))
    if parent is not None:
        statement = statement.where(department.c.parent_id == parent)
    rows = page(
        session,
        statement,
        order=[(department.c.name, "asc"), (department.c.id, "asc")],
        window=window,
    )
    return rows.map(read_row)


def locked(session: Session, scope: Scope, id: DepartmentId) -> DepartmentRow | None:
    """Return one department, locked until the transaction ends."""
    rows = session.execute(visible(scope).where(department.c.id == id).with_for_update())
    row = rows.one_or_none()
    return read_row(row) if row else None


def child(session: Session, parent: DepartmentId | None, name: str) -> DepartmentId | None:
    """Return the department of this name directly below the parent, or at the top."""
    id: UUID | None = session.execute(
        select(department.c.id).where(
            department.c.parent_id.is_not_distinct_from(parent), department.c.name == name
        )
    ).scalar_one_or_none()
    return DepartmentId(id) if id else None


def below(session: Session, id: DepartmentId) -> frozenset[DepartmentId]:
    """Return the ids of the department and all below it."""
    ids = session.execute(
        select(department_path.c.descendant_id).where(department_path.c.ancestor_id == id)
    )
    return frozenset(DepartmentId(id) for id in ids.scalars())


def depth(session: Session, id: DepartmentId | None) -> int:
    """Count the levels from the top down to this department, itself included; 0 for `None`."""
    if id is None:
        return 0
    statement = select(func.count()).where(department_path.c.descendant_id == id)
    return int(session.execute(statement).scalar_one())


def height(session: Session, id: DepartmentId) -> int:
    """Count the levels from this department down to the lowest below it, itself included."""
    deepest = select(func.max(department_path.c.depth)).where(department_path.c.ancestor_id == id)
    return int(session.execute(deepest).scalar_one() or 0) + 1


def add(session: Session, name: str, parent: DepartmentId | None) -> DepartmentId:
    """Insert a department below the parent, or at the top, and return its id."""
    id: UUID = session.execute(
        insert(department).values(name=name, parent_id=parent).returning(department.c.id)
    ).scalar_one()
    session.execute(insert(department_path).values(ancestor_id=id, descendant_id=id, depth=0))
    if parent is not None:
        _attach(session, DepartmentId(id), parent)
    return DepartmentId(id)


def rename(session: Session, id: DepartmentId, name: str) -> None:
    """Set the name of a department."""
    _touch(session, id, name=name)


def set_head(session: Session, id: DepartmentId, head: UserId | None) -> None:
    """Set or remove the head of a department."""
    _touch(session, id, head_id=head)


def move(session: Session, id: DepartmentId, parent: DepartmentId | None) -> None:
    """Move a department with all below it under another parent, or to the top."""
    down = select(department_path.c.descendant_id).where(department_path.c.ancestor_id == id)
    session.execute(
        delete(department_path).where(
            department_path.c.descendant_id.in_(down), department_path.c.ancestor_id.not_in(down)
        )
    )
    if parent is not None:
        _attach(session, id, parent)
    _touch(session, id, parent_id=parent)


def _attach(session: Session, id: DepartmentId, parent: DepartmentId) -> None:
    up, down = department_path.alias("up"), department_path.alias("down")
    session.execute(
        insert(department_path).from_select(
            ["ancestor_id", "descendant_id", "depth"],
            select(up.c.ancestor_id, down.c.descendant_id, up.c.depth + down.c.depth + literal(1))
            .select_from(up.join(down, true()))
            .where(up.c.descendant_id == parent, down.c.ancestor_id == id),
        )
    )


def _touch(session: Session, id: DepartmentId, **values: object) -> None:
    session.execute(
        update(department)
        .where(department.c.id == id)
        .values(values | {"version": department.c.version + 1, "updated_at": func.now()})
    )


def read_row(selected: Row[Any]) -> DepartmentRow:
    """Convert a selected row to a value."""
    return DepartmentRow(
        id=DepartmentId(selected.id),
        name=selected.name,
        parent=DepartmentId(selected.parent_id) if selected.parent_id else None,
        version=selected.version,
        head=UserId(selected.head_id) if selected.head_id else None,
    )
