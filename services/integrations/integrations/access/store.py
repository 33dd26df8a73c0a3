"""The access data of customers, projected from the facts of the customers service.

No row means no access: a customer without a fact is visible to no user here.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import BigInteger, Column, Index, Table, Uuid
from sqlalchemy.dialects.postgresql import ARRAY

from chassis.policy.row_scopes import RowAccess, RowColumns
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

NO_CUSTOMER = RowAccess(UUID(int=0), UUID(int=0))
"""The access data of a record without a customer: it has no owner, and is not in the pool."""
