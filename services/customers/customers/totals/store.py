"""Count customers by group: all of them, and those that the reader may see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, false, func, or_, select
from sqlalchemy.orm import Session

from chassis.policy.scope import Scope
from customers.pool.store.customer import ACCESS, customer
from customers.pool.store.customer_search import CUSTOMER_TAG, Search, conditions
from customers.totals.domain import GroupCount

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
    session: Session, scope: Scope, seen: Scope | None, search: Search, dimension: str | None
) -> list[GroupCount]:
    """Count customers that the scope reaches or the reader sees, by the values of a dimension.

    Without a dimension they are one group.
    """
    sees = func.coalesce(seen.where(ACCESS) if seen else false(), false())
    reached = or_(func.coalesce(scope.where(ACCESS), false()), sees)
    key: ColumnElement[Any] = (
        cast(DIMENSIONS[dimension], Text) if dimension else func.coalesce(None, "")
    )
    statement = select(key, func.count().filter(sees), func.count()).select_from(customer)
    if dimension == TAG:
        statement = statement.join(CUSTOMER_TAG, CUSTOMER_TAG.c.customer_id == customer.c.id)
    statement = statement.where(reached, *conditions(search)).group_by(key)
    return [GroupCount(*row) for row in session.execute(statement)]
