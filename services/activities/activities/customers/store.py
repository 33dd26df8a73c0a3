"""What this service knows of customers: who may see each of them, and which were merged.

A projection, fed by facts of the service that owns customers. A merge moves nothing here:
follow-ups and tasks keep the customer they were written for, and `root_id` names the customer they
count as now. Undoing the merge therefore loses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    ColumnElement,
    FromClause,
    Table,
    Uuid,
    column,
    func,
    literal,
    select,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session
from sqlalchemy.sql.selectable import LateralFromClause

from activities.core.domain.ids import CustomerId
from activities.core.store.metadata import metadata
from chassis.db import among, in_order
from chassis.policy.row_scopes import RowAccess, RowColumns
from chassis.policy.scope import Scope

customer_access = Table(
    "customer_access",
    metadata,
    Column("customer_id", Uuid, primary_key=True),
    Column("owner_id", Uuid),
    Column("department_id", Uuid),
    Column("collaborators", ARRAY(Uuid), nullable=False),
    Column("projects", ARRAY(Uuid), nullable=False),
    Column("merged_into", Uuid),
    Column("root_id", Uuid, nullable=False),
    Column("version", BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Access:
    """Who may see a customer, as the service that owns customers reports it."""

    id: CustomerId
    owner: UUID | None
    department: UUID | None
    collaborators: tuple[UUID, ...]
    projects: tuple[UUID, ...]
    merged_into: CustomerId | None
    version: int


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """A visible customer: `id` as requested, `root` the customer it counts as after merges."""

    id: CustomerId
    root: CustomerId


def columns(access: FromClause) -> RowColumns:
    """Return the columns a scope filters by."""
    return RowColumns(
        owner=access.c.owner_id,
        department=access.c.department_id,
        collaborators=access.c.collaborators,
        projects=access.c.projects,
        id=access.c.customer_id,
    )


def by_ids(session: Session, scope: Scope, ids: Sequence[CustomerId]) -> list[CustomerRow | None]:
    """Return the visible customers of these ids, in the order of the ids, `None` for a gap."""
    requested = customer_access.alias("requested")
    root = customer_access.alias("root")
    rows = session.execute(
        select(requested.c.customer_id, requested.c.root_id)
        .join_from(requested, root, root.c.customer_id == requested.c.root_id)
        .where(among(requested.c.customer_id, ids), scope.where(columns(root)))
    )
    customers = [CustomerRow(CustomerId(row.customer_id), CustomerId(row.root_id)) for row in rows]
    return in_order(ids, customers, lambda row: row.id)


def access_of(session: Session, id: CustomerId) -> RowAccess | None:
    """Return what row scopes compare of the customer an id counts as, or `None`.

    It returns nothing else of the row, so it takes no scope.
    """
    requested, root = customer_access.alias("requested"), customer_access.alias("root")
    row = session.execute(
        select(
            root.c.owner_id,
            root.c.department_id,
            root.c.collaborators,
            root.c.projects,
            root.c.customer_id,
        )
        .join_from(requested, root, root.c.customer_id == requested.c.root_id)
        .where(requested.c.customer_id == id)
    ).one_or_none()
    return RowAccess(*row) if row else None


class Family:
    """The tables that a query joins to answer for many customers at once.

    `requested` are the ids, `root` is the customer each of them counts as after merges, `member`
    every customer that counts as that root.
    """

    def __init__(self, ids: Sequence[CustomerId]) -> None:
        self._ids = ids
        array = literal(list(dict.fromkeys(ids)), ARRAY(Uuid))
        self.requested = (
            func.unnest(array).table_valued(column("id", Uuid), name="requested").render_derived()
        )
        self.of = customer_access.alias("of")
        self.root = customer_access.alias("root")
        self.member = customer_access.alias("member")
        self.joined: FromClause = self.requested.join(
            self.of, self.of.c.customer_id == self.requested.c.id
        ).join(self.root, self.root.c.customer_id == self.of.c.root_id)
        self.same_root: ColumnElement[bool] = self.member.c.root_id == self.root.c.customer_id

    def values(self, session: Session, lateral: LateralFromClause) -> list[Any]:
        """Return the column `value` of a lateral query for each customer, in the order of the ids.

        `None` stands for a customer that is unknown or for which the query has no row.
        """
        rows = session.execute(
            select(self.requested.c.id, lateral.c.value).select_from(
                self.joined.join(lateral, true())
            )
        )
        values: Mapping[UUID, Any] = {row[0]: row[1] for row in rows}
        return [values.get(id) for id in self._ids]


def project(session: Session, rows: Sequence[Access]) -> int:
    """Store the rows that are newer than the stored ones; return their number."""
    # Two batches that move roots at the same time would each miss the other's half.
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext("customer_access"))))
    newest = {row.id: row for row in sorted(rows, key=lambda row: row.version)}
    if not newest:
        return 0
    statement = insert(customer_access).values([_values(row) for row in newest.values()])
    new = statement.excluded
    changed = session.scalars(
        statement.on_conflict_do_update(
            index_elements=[customer_access.c.customer_id],
            set_={
                "owner_id": new.owner_id,
                "department_id": new.department_id,
                "collaborators": new.collaborators,
                "projects": new.projects,
                "merged_into": new.merged_into,
                "version": new.version,
            },
            where=customer_access.c.version < new.version,
        ).returning(customer_access.c.customer_id)
    ).all()
    if changed:
        session.execute(_REROOT, {"changed": list(changed)})
    return len(changed)


def _values(row: Access) -> dict[str, object]:
    return {
        "customer_id": row.id,
        "owner_id": row.owner,
        "department_id": row.department,
        "collaborators": list(row.collaborators),
        "projects": list(row.projects),
        "merged_into": row.merged_into,
        "root_id": row.merged_into or row.id,
        "version": row.version,
    }


# Every customer below a changed one walks up to the end of its merge chain. UNION (not UNION ALL)
# and the depth limit end the walk even if facts that overtook each other formed a circle.
_REROOT = text(
    """
    WITH RECURSIVE below(id) AS (
      SELECT unnest(CAST(:changed AS uuid[]))
      UNION
      SELECT a.customer_id FROM below JOIN customer_access a ON a.merged_into = below.id
    ), up(id, at, depth) AS (
      SELECT below.id, below.id, 0 FROM below
      UNION
      SELECT up.id, a.merged_into, up.depth + 1
      FROM up JOIN customer_access a ON a.customer_id = up.at
      WHERE a.merged_into IS NOT NULL AND up.depth < 64
    ), root(id, root_id) AS (
      SELECT DISTINCT ON (id) id, at FROM up ORDER BY id, depth DESC
    )
    UPDATE customer_access a SET root_id = root.root_id
    FROM root WHERE a.customer_id = root.id AND a.root_id <> root.root_id
    """
)
