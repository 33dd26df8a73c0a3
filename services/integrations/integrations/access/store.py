"""Who may see which customer, as told by the facts of the service that owns them.

No row means no access: a customer this service has not heard of is nobody's business here.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import BigInteger, Column, Index, Table, Uuid, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from chassis.db import among
from chassis.policy.row_scopes import RowAccess, RowColumns
from chassis.policy.scope import Scope
from integrations.core.store.metadata import metadata

customer_access = Table(
    "customer_access",
    metadata,
    Column("customer_id", Uuid, primary_key=True),
    Column("owner_id", Uuid),
    Column("department_id", Uuid),
    Column("collaborators", ARRAY(Uuid), nullable=False, server_default="{}"),
    Column("projects", ARRAY(Uuid), nullable=False, server_default="{}"),
    Column("merged_into", Uuid),
    Column("version", BigInteger, nullable=False),
    Index("customer_access_department", "department_id"),
)

ROWS = RowColumns(
    owner=customer_access.c.owner_id,
    department=customer_access.c.department_id,
    collaborators=customer_access.c.collaborators,
    projects=customer_access.c.projects,
    id=customer_access.c.customer_id,
)

NOBODYS = RowAccess(UUID(int=0), UUID(int=0))
"""A record without a customer is in nobody's hands, and not in the pool either."""


def visible(session: Session, scope: Scope, ids: Sequence[UUID]) -> set[UUID]:
    """Those of the customers that the scope reaches."""
    found = session.execute(
        select(customer_access.c.customer_id).where(
            among(customer_access.c.customer_id, ids), scope.where(ROWS)
        )
    )
    return set(found.scalars())
