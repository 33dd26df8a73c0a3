"""The projection of customers is brought up to date here, and asked before anything is written."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from activities.core.domain.ids import CustomerId
from activities.customers import store
from chassis.errors import NotFound
from chassis.policy.guard import Scope


def project(session: Session, rows: Sequence[store.Access]) -> int:
    """Take over who may see these customers, where that is newer than what is known."""
    return store.project(session, rows)


def seen(session: Session, scope: Scope, id: CustomerId) -> store.CustomerRow:
    """The customer, if it is there and within reach; otherwise neither is told apart."""
    [found] = store.by_ids(session, scope, [id])
    if found is None:
        raise NotFound(
            f"No customer {id} exists for you.",
            f"未找到您可见的客户 {id}。",
            field="customerId",
        )
    return found


def for_whom(session: Session, scope: Scope, id: CustomerId) -> Scope:
    """The proof for one customer: it says for whom the actor stands in, if only they reach it."""
    access = store.access_of(session, id) if scope.permissions.givers else None
    return scope.at(access) if access else scope
