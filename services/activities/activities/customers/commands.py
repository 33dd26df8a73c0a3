"""Commands on the projection of customers: update it, and check a customer before a write."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from activities.core.domain.ids import CustomerId
from activities.customers import store
from chassis.errors import NotFound
from chassis.policy.scope import Scope


def project(session: Session, rows: Sequence[store.Access]) -> int:
    """Store who may see these customers where that is newer; return the number of changed rows."""
    return store.project(session, rows)


def visible_customer(session: Session, scope: Scope, id: CustomerId) -> store.CustomerRow:
    """Return the customer. Raise `NotFound` alike for one that is missing or out of scope."""
    [row] = store.by_ids(session, scope, [id])
    if row is None:
        raise NotFound(
            f"customerId {id} is not a customer you may see.",
            f"未找到您可见的客户 {id}。",
            field="customerId",
        )
    return row


def scope_at_customer(session: Session, scope: Scope, id: CustomerId) -> Scope:
    """Return the scope at one customer, with the delegating user if only they may see it."""
    access = store.access_of(session, id) if scope.permissions.givers else None
    return scope.at(access) if access else scope
