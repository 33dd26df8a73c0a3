"""What this service knows of customers: who may see each of them, and which were merged.

A projection, fed by facts of the service that owns customers. A merge moves nothing here: follow-ups
and tasks keep the customer they were written for, and `root_id` says whose they count as now. Taking
the merge back therefore loses nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from activities.core.domain.ids import CustomerId
from activities.core.store.metadata import metadata
from chassis.db import among, in_order
from chassis.policy.guard import RowAccess, RowColumns, Scope

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
    """Who has to do with a customer, as its owner service says it."""

    id: CustomerId
    owner: UUID | None
    department: UUID | None
    collaborators: tuple[UUID, ...]
    projects: tuple[UUID, ...]
    merged_into: CustomerId | None
    version: int


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """A customer that may be seen: `id` as it was asked for, `root` as it counts now."""

    id: CustomerId
    root: CustomerId


def columns(access: FromClause) -> RowColumns:
    """The columns a scope filters by."""
    return RowColumns(
        owner=access.c.owner_id,
        department=access.c.department_id,
        collaborators=access.c.collaborators,
        projects=access.c.projects,
        id=access.c.customer_id,
    )


def by_ids(session: Session, scope: Scope, ids: Sequence[CustomerId]) -> list[CustomerRow | None]:
    """The customers of these ids that may be seen, in the order of the ids, `None` for a gap."""
    asked = customer_access.alias("asked")
    root = customer_access.alias("root")
    rows = session.execute(
        select(asked.c.customer_id, asked.c.root_id)
        .join_from(asked, root, root.c.customer_id == asked.c.root_id)
        .where(among(asked.c.customer_id, ids), scope.where(columns(root)))
    )
    found = [CustomerRow(CustomerId(row.customer_id), CustomerId(row.root_id)) for row in rows]
    return in_order(ids, found, lambda row: row.id)


def access_of(session: Session, id: CustomerId) -> RowAccess | None:
    """What row scopes see of a customer as it counts now. Nothing else of the row leaves here, so it
    takes no scope."""
    asked, root = customer_access.alias("asked"), customer_access.alias("root")
    found = session.execute(
        select(
            root.c.owner_id,
            root.c.department_id,
            root.c.collaborators,
            root.c.projects,
            root.c.customer_id,
        )
        .join_from(asked, root, root.c.customer_id == asked.c.root_id)
        .where(asked.c.customer_id == id)
    ).one_or_none()
    return RowAccess(*found) if found else None


class Family:
    """Each asked customer, the root it counts as, and every customer that counts as that root: what
    a query joins that answers for many customers at once."""

    def __init__(self, ids: Sequence[CustomerId]) -> None:
        wanted = literal(list(dict.fromkeys(ids)), ARRAY(Uuid))
        self.asked = (
            func.unnest(wanted).table_valued(column("id", Uuid), name="asked").render_derived()
        )
        self.of = customer_access.alias("of")
        self.root = customer_access.alias("root")
        self.member = customer_access.alias("member")
        self.joined: FromClause = self.asked.join(
            self.of, self.of.c.customer_id == self.asked.c.id
        ).join(self.root, self.root.c.customer_id == self.of.c.root_id)
        self.same_root: ColumnElement[bool] = self.member.c.root_id == self.root.c.customer_id


def project(session: Session, rows: Sequence[Access]) -> int:
    """Take over what is newer than what is known; answer how many rows that were."""
    # Two batches that move roots at the same time would each miss the other's half.
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext("customer_access"))))
    newest = {row.id: row for row in sorted(rows, key=lambda row: row.version)}
    if not newest:
        return 0
    statement = insert(customer_access).values([_values(row) for row in newest.values()])
    new = statement.excluded
    taken = session.scalars(
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
    if taken:
        session.execute(_REROOT, {"changed": list(taken)})
    return len(taken)


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


# Everybody below a changed customer walks up to the end of the chain. UNION (not UNION ALL) and the
# depth end the walk even if facts that crossed each other drew a circle.
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
