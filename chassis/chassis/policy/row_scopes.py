"""Which rows a row scope reaches, from where somebody stands: as one SQL condition, and in memory.

Mostly one stands in one's own place. Who does the work of somebody else for a while stands in theirs
as well: `own` then also means what the other one owns.
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
    """The columns of a table that row scopes speak about. `id` is what a row is about or belongs to:
    emergency access and some delegations name single rows by it."""

    owner: ColumnElement[Any]
    department: ColumnElement[Any]
    collaborators: ColumnElement[Any] | None = None
    id: ColumnElement[Any] | None = None
    projects: ColumnElement[Any] | None = None


@dataclass(frozen=True, slots=True)
class RowAccess:
    """The same facts of one row in memory."""

    owner: UUID | None
    department: UUID | None
    collaborators: Sequence[UUID] = ()
    id: UUID | None = None
    projects: Sequence[UUID] = ()


# Compared by identity: there is one for each place that somebody stands in.
@dataclass(frozen=True, slots=True, eq=False)
class Stand:
    """A place to stand in: whose it is, by which names rules speak of them, and what is near."""

    user_id: UUID
    names: Mapping[str, tuple[str, ...]]
    department: UUID | None = None
    departments: frozenset[UUID] = frozenset()
    projects: frozenset[UUID] = frozenset()
    emergencies: frozenset[UUID] = frozenset()
    only: frozenset[UUID] | None = None
    until: float = FOR_EVER
    """The next moment at which something of this begins or ends."""

    def where(self, rows: Set[str], columns: RowColumns) -> ColumnElement[bool]:
        """What these row scopes reach from here, as one SQL condition."""
        terms = [true()] if "all" in rows else list(self._terms(rows, columns))
        found = or_(*terms) if terms else false()
        if self.only is None:
            return found
        return false() if columns.id is None else and_(_among(columns.id, self.only), found)

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
            mine = bindparam(None, [self.user_id], type_=ARRAY(Uuid()))
            yield columns.collaborators.op("@>", is_comparison=True)(mine)
        if "project" in rows and self.projects and columns.projects is not None:
            ours = bindparam(None, sorted(self.projects), type_=ARRAY(Uuid()))
            yield columns.projects.op("&&", is_comparison=True)(ours)
        if "emergency" in rows and self.emergencies and columns.id is not None:
            yield _among(columns.id, self.emergencies)

    def reaches(self, rows: Set[str], row: RowAccess) -> bool:
        """The verdict of `where` for a row in memory."""
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


def own_place(snapshot: Snapshot, user: UUID, now: float) -> Stand:
    """Where somebody stands by themselves at that moment."""
    taken = [one for one in snapshot.emergencies if one.user == user and now < one.until]
    return _stand(
        snapshot,
        user,
        now,
        names=subjects(snapshot, user, now=now),
        emergencies=frozenset(one.row for one in taken),
        ends=[one.until for one in taken],
    )


def others_places(snapshot: Snapshot, user: UUID, now: float) -> list[tuple[Stand, Set[str]]]:
    """In whose places they stand too at that moment, each with every name that rules may deny the
    giver something under: a deny counts whatever roles were handed on. What the giver does for
    others, and their emergencies, are not theirs to hand on."""
    taker = snapshot.users.get(user)
    if taker is None or not taker.works_at(now):
        return []
    return [
        (
            _stand(
                snapshot,
                one.giver,
                now,
                names=subjects(snapshot, one.giver, now=now, roles=one.roles),
                only=one.only,
                ends=[one.until],
            ),
            subjects(snapshot, one.giver, now=now).keys(),
        )
        for one in _delegations(snapshot, user)
        if one.since <= now < one.until
    ]


def next_change(snapshot: Snapshot, user: UUID, now: float) -> float:
    """When the next delegation to this person begins."""
    begins = (one.since for one in _delegations(snapshot, user) if now < one.since)
    return min(begins, default=FOR_EVER)


def _delegations(snapshot: Snapshot, user: UUID) -> Iterator[Delegation]:
    return (one for one in snapshot.delegations if one.taker == user and one.giver != user)


def _stand(
    snapshot: Snapshot,
    user: UUID,
    now: float,
    *,
    names: Mapping[str, tuple[str, ...]],
    emergencies: frozenset[UUID] = frozenset(),
    only: frozenset[UUID] | None = None,
    ends: Sequence[float] = (),
) -> Stand:
    member = snapshot.users.get(user)
    if member is None or not member.works_at(now):
        return Stand(user, {}, only=only)
    projects = [(project, until) for project, until in member.projects if now < until]
    department = member.department
    return Stand(
        user_id=user,
        names=names,
        department=department,
        departments=subtree(snapshot, department) if department else frozenset(),
        projects=frozenset(project for project, _ in projects),
        emergencies=emergencies,
        only=only,
        until=min(member.until, *(until for _, until in projects), *ends, FOR_EVER),
    )
