"""Row scopes: the rows that a permission reaches, as one SQL condition and in memory.

A row scope is evaluated for a principal. Every user is a principal of their own; a user who acts
for another one by delegation is evaluated as that user's principal as well: `own` then also means
what the delegating user owns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, and_, any_, bindparam, false, or_, true
from sqlalchemy.dialects.postgresql import ARRAY

from chassis.policy.rules import FOR_EVER, Delegation, Snapshot, subjects, subtree


@dataclass(frozen=True, slots=True)
class RowColumns:
    """The columns of a table that row scopes compare.

    `id` is the object a row is about or belongs to: emergency access and some delegations name
    single rows by it.
    """

    owner: ColumnElement[Any]
    department: ColumnElement[Any]
    collaborators: ColumnElement[Any] | None = None
    id: ColumnElement[Any] | None = None
    projects: ColumnElement[Any] | None = None


@dataclass(frozen=True, slots=True)
class RowAccess:
    """The values of those columns for one row in memory."""

    owner: UUID | None
    department: UUID | None
    collaborators: Sequence[UUID] = ()
    id: UUID | None = None
    projects: Sequence[UUID] = ()


# Compared by identity: there is one object for each principal that a user acts as.
@dataclass(frozen=True, slots=True, eq=False)
class Principal:
    """The user as whom row scopes are evaluated, with the attributes that they compare.

    `names` are the subjects by which rules name the user, each with its chain of roles. `only`
    restricts a delegation to single rows.
    """

    user_id: UUID
    names: Mapping[str, tuple[str, ...]]
    department: UUID | None = None
    departments: frozenset[UUID] = frozenset()
    projects: frozenset[UUID] = frozenset()
    emergencies: frozenset[UUID] = frozenset()
    only: frozenset[UUID] | None = None
    until: float = FOR_EVER
    """The next moment at which one of these attributes changes by itself."""

    def where(self, rows: Set[str], columns: RowColumns) -> ColumnElement[bool]:
        """Return the rows that these row scopes reach, as one SQL condition."""
        terms = [true()] if "all" in rows else list(self._terms(rows, columns))
        condition = or_(*terms) if terms else false()
        if self.only is None:
            return condition
        return false() if columns.id is None else and_(_among(columns.id, self.only), condition)

    def _terms(self, rows: Set[str], columns: RowColumns) -> Iterator[ColumnElement[bool]]:
        if "own" in rows:
            yield columns.owner == self.user_id
        if "pool" in rows:
            yield columns.owner.is_(None)
        if "subtree" in rows and self.departments:
            yield _among(columns.department, self.departments)
        elif rows & {"department", "subtree"} and self.department:
            yield columns.department == self.department
        # Containment and overlap, not `= ANY(column)`: only the former can use a GIN index.
        if "collaborating" in rows and columns.collaborators is not None:
            user = bindparam(None, [self.user_id], type_=ARRAY(Uuid()))
            yield columns.collaborators.op("@>", is_comparison=True)(user)
        if "project" in rows and self.projects and columns.projects is not None:
            projects = bindparam(None, sorted(self.projects), type_=ARRAY(Uuid()))
            yield columns.projects.op("&&", is_comparison=True)(projects)
        if "emergency" in rows and self.emergencies and columns.id is not None:
            yield _among(columns.id, self.emergencies)

    def reaches(self, rows: Set[str], row: RowAccess) -> bool:
        """Return the verdict of `where` for a row in memory."""
        if self.only is not None and row.id not in self.only:
            return False
        return (
            "all" in rows
            or ("own" in rows and row.owner == self.user_id)
            or ("pool" in rows and row.owner is None)
            or ("subtree" in rows and row.department in self.departments)
            or (
                bool(rows & {"department", "subtree"})
                and row.department is not None
                and row.department == self.department
            )
            or ("collaborating" in rows and self.user_id in row.collaborators)
            or ("project" in rows and not self.projects.isdisjoint(row.projects))
            or ("emergency" in rows and row.id in self.emergencies)
        )


def _among(column: ColumnElement[Any], ids: Set[UUID]) -> ColumnElement[bool]:
    return column == any_(bindparam(None, sorted(ids), type_=ARRAY(Uuid())))


def own_principal(snapshot: Snapshot, user: UUID, now: float) -> Principal:
    """Return a user's own principal at a moment."""
    emergencies = [
        emergency
        for emergency in snapshot.emergencies
        if emergency.user == user and now < emergency.until
    ]
    return _principal(
        snapshot,
        user,
        now,
        names=subjects(snapshot, user, now=now),
        emergencies=frozenset(emergency.row for emergency in emergencies),
        ends=[emergency.until for emergency in emergencies],
    )


def delegating_principals(
    snapshot: Snapshot, user: UUID, now: float
) -> list[tuple[Principal, Set[str]]]:
    """Return the principals for whom a user acts at a moment, each with its deny subjects.

    The deny subjects are all names under which rules may deny the giver something: a deny counts
    whatever roles were delegated. What the giver does for others by delegation, and their emergency
    access, cannot be delegated.
    """
    taker = snapshot.users.get(user)
    if taker is None or not taker.is_active_at(now):
        return []
    return [
        (
            _principal(
                snapshot,
                delegation.giver,
                now,
                names=subjects(snapshot, delegation.giver, now=now, roles=delegation.roles),
                only=delegation.only,
                ends=[delegation.until],
            ),
            subjects(snapshot, delegation.giver, now=now).keys(),
        )
        for delegation in _delegations(snapshot, user)
        if delegation.since <= now < delegation.until
    ]


def next_delegation(snapshot: Snapshot, user: UUID, now: float) -> float:
    """Return when the next delegation to a user begins, or `FOR_EVER`."""
    begins = (
        delegation.since for delegation in _delegations(snapshot, user) if now < delegation.since
    )
    return min(begins, default=FOR_EVER)


def _delegations(snapshot: Snapshot, user: UUID) -> Iterator[Delegation]:
    return (
        delegation
        for delegation in snapshot.delegations
        if delegation.taker == user and delegation.giver != user
    )


def _principal(
    snapshot: Snapshot,
    user: UUID,
    now: float,
    *,
    names: Mapping[str, tuple[str, ...]],
    emergencies: frozenset[UUID] = frozenset(),
    only: frozenset[UUID] | None = None,
    ends: Sequence[float] = (),
) -> Principal:
    member = snapshot.users.get(user)
    if member is None or not member.is_active_at(now):
        return Principal(user, {}, only=only)
    projects = [(project, until) for project, until in member.projects if now < until]
    department = member.department
    return Principal(
        user_id=user,
        names=names,
        department=department,
        departments=subtree(snapshot, department) if department else frozenset(),
        projects=frozenset(project for project, _ in projects),
        emergencies=emergencies,
        only=only,
        until=min(member.until, *(until for _, until in projects), *ends, FOR_EVER),
    )
