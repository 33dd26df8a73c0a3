"""Customers counted by group: how many there are, and how many of them the reader may see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, false, func, or_, select
from sqlalchemy.orm import Session

from chassis.policy.scope import Scope
from customers.pool.store.customer import ACCESS, CUSTOMER_TAG, Search, conditions, customer
from customers.totals.domain import Counted

TAG = "TAG"
DIMENSIONS: Mapping[str, ColumnElement[Any]] = {
    "KIND": customer.c.kind,
    "LIFECYCLE": customer.c.lifecycle,
    "INDUSTRY": customer.c.industry,
    "REGION": customer.c.region,
    "OWNER": customer.c.owner_id,
    "DEPARTMENT": customer.c.department_id,
    TAG: CUSTOMER_TAG.c.tag_id,
}


def totals(
    session: Session, scope: Scope, seen: Scope | None, search: Search, by: str | None
) -> list[Counted]:
    """The groups of all customers that the scope counts or the reader sees; one group without `by`."""
    sees = func.coalesce(seen.where(ACCESS) if seen else false(), false())
    reached = or_(func.coalesce(scope.where(ACCESS), false()), sees)
    key: ColumnElement[Any] = cast(DIMENSIONS[by], Text) if by else func.coalesce(None, "")
    statement = select(key, func.count().filter(sees), func.count()).select_from(customer)
    if by == TAG:
        statement = statement.join(CUSTOMER_TAG, CUSTOMER_TAG.c.customer_id == customer.c.id)
    statement = statement.where(reached, *conditions(search)).group_by(key)
    return [Counted(*row) for row in session.execute(statement)]
