"""What a leaked file is compared with: watermark keys, and which exports held its customers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from chassis.db import among
from chassis.policy.scope import Scope
from customers.exports.store.customer_export import ACCESS, export_row, job


def keys(session: Session, scope: Scope) -> dict[UUID, bytes]:
    """Return the watermark keys of all exports in scope that ever had a file, by export."""
    statement = select(job.c.id, job.c.mark_key).where(
        job.c.made_at.is_not(None), scope.where(ACCESS)
    )
    return {row.id: row.mark_key for row in session.execute(statement)}


@dataclass(frozen=True, slots=True)
class Holding:
    """How many customers of a leaked file an export held."""

    export_id: UUID
    customers: int


def holding(
    session: Session, scope: Scope, name_keys: Sequence[str], limit: int
) -> tuple[int, list[Holding]]:
    """Count the customers with one of these names, and list the exports that held most of them."""
    ids = session.execute(
        text("SELECT id FROM customer WHERE name_key = ANY(:keys)"), {"keys": list(name_keys)}
    )
    customer_ids = list(ids.scalars())
    number = func.count().label("number")
    statement = (
        select(export_row.c.export_id, number)
        .join(job, job.c.id == export_row.c.export_id)
        .where(
            among(export_row.c.customer_id, customer_ids),
            scope.where(ACCESS),
        )
        .group_by(export_row.c.export_id)
        .order_by(number.desc(), export_row.c.export_id)
        .limit(limit)
    )
    return len(customer_ids), [
        Holding(row.export_id, row.number) for row in session.execute(statement)
    ]
