"""Grants that end by themselves at `until`, or before that when a user ends them.

Delegations and emergency accesses are such grants. Their tables have the columns `id`, `until`,
`ended_at` and `ended_by`; who may see a grant depends on the user that it belongs to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import Column, ColumnElement, Row, Select, Table, and_, func, select, update
from sqlalchemy.orm import Session

from chassis.api.paging import Page, Window, page
from chassis.policy.row_scopes import RowColumns
from chassis.policy.scope import Scope
from identity.core.domain.ids import UserId
from identity.people.store.user import user

T = TypeVar("T")


def is_open(table: Table) -> ColumnElement[bool]:
    """Return the condition that a grant has not ended, by the database's clock."""
    return and_(table.c.ended_at.is_(None), table.c.until > func.now())


@dataclass(frozen=True, slots=True)
class TimedGrants(Generic[T]):
    """One table of grants.

    `owner` is the column with the user that a grant belongs to, `begins` the one that lists are
    sorted by, `computed` what is selected beside the table, `read` makes a value of a selected row.
    """

    table: Table
    owner: Column[Any]
    begins: Column[Any]
    access: RowColumns
    computed: ColumnElement[Any]
    read: Callable[[Row[Any]], T]

    def visible(self, scope: Scope) -> Select[Any]:
        """Select all grants that the scope may see."""
        return (
            select(self.table, self.computed)
            .join(user, user.c.id == self.owner)
            .where(scope.where(self.access))
        )

    def page(
        self,
        session: Session,
        scope: Scope,
        conditions: Iterable[ColumnElement[bool]],
        window: Window,
    ) -> Page[T]:
        """Return one page of the grants that meet all conditions, the latest first."""
        grants = page(
            session,
            self.visible(scope).where(*conditions),
            order=[(self.begins, "desc"), (self.table.c.id, "desc")],
            window=window,
        )
        return grants.map(self.read)

    def by_id(self, session: Session, scope: Scope, id: UUID) -> T | None:
        """Return one grant that the scope may see."""
        grant = session.execute(self.visible(scope).where(self.table.c.id == id)).one_or_none()
        return self.read(grant) if grant else None

    def locked(self, session: Session, scope: Scope, id: UUID) -> T | None:
        """Return one grant that the scope may see, locked until the transaction ends."""
        statement = self.visible(scope).where(self.table.c.id == id)
        grant = session.execute(statement.with_for_update(of=self.table)).one_or_none()
        return self.read(grant) if grant else None

    def end(self, session: Session, id: UUID, ended_by: UserId) -> bool:
        """End one grant now; return False if it was over already."""
        return self.end_all(session, self.table.c.id == id, ended_by) > 0

    def end_all(self, session: Session, condition: ColumnElement[bool], ended_by: UserId) -> int:
        """End all open grants that meet a condition; return how many there were."""
        ended = session.execute(
            update(self.table)
            .where(condition, is_open(self.table))
            .values(ended_at=func.now(), ended_by=ended_by)
            .returning(self.table.c.id)
        )
        return len(ended.all())
