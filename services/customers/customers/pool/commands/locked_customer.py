"""Load one customer for a change: by any of its ids, in scope, at the expected version, locked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.errors import BadInput, Conflict, NotFound
from chassis.policy.rules import Snapshot
from chassis.policy.scope import Scope
from customers.pool.domain.match import Key
from customers.pool.store import customer as customer_store, locks
from customers.pool.store.customer import CustomerRow


@dataclass(frozen=True, slots=True)
class LockedCustomer:
    """A customer locked for a change.

    `requested_id` is the id the caller used, which may have been merged away. `scope` is the proof
    for this row; it names the user whose access the actor has borrowed, if only that reaches it.
    """

    row: CustomerRow
    requested_id: UUID
    scope: Scope

    @property
    def id(self) -> UUID:
        """Return the id of the customer itself."""
        return self.row.id


def lock_customer(
    session: Session,
    scope: Scope,
    id: UUID,
    expected_version: int | None = None,
    keys: Iterable[Key] = (),
) -> LockedCustomer:
    """Lock recognition keys and the customer with this id, and return the customer.

    Raises `NotFound` where it does not exist or is out of scope, and `Conflict` where its version
    is not the expected one or it was merged away meanwhile.
    """
    [visible] = customer_store.by_ids(session, scope, [id])
    if visible is None:
        raise _unknown(id)
    locks.lock_keys(session, keys, ())
    locks.lock_customers(session, [visible.id])
    row = customer_store.by_ids_unscoped(session, [visible.id])[visible.id]
    if not scope.sees(row.access):
        raise _unknown(id)
    if row.merged_into is not None:
        raise Conflict(
            "This customer has just been merged into another one; read it again.",
            "该客户刚刚被合并，请重新读取。",
            field="id",
            version=row.version,
        )
    refuse_stale(row.version, expected_version)
    return LockedCustomer(row, id, scope.at(row.access))


def refuse_stale(present: int, expected: int | None) -> None:
    """Raise `Conflict` with the present version where another one was expected."""
    if expected is not None and expected != present:
        raise Conflict(
            f"expectedVersion is {expected}, but the present version is {present}; read it again "
            "and decide again.",
            f"expectedVersion 为 {expected}，当前版本为 {present}；请重新读取后再修改。",
            field="expectedVersion",
            version=present,
        )


def _unknown(id: UUID) -> NotFound:
    return NotFound(
        f"Customer {id} does not exist, or you may not access it.",
        f"客户 {id} 不存在，或您无权访问。",
        field="id",
    )


def active_department(snapshot: Snapshot | None, user_id: UUID, field: str) -> UUID | None:
    """Return the department of a user. Raises `BadInput` if the user is not active."""
    member = snapshot.users.get(user_id) if snapshot else None
    if member is None or not member.active:
        raise BadInput(f"{field} is not an active user.", f"{field} 不是在职用户。", field=field)
    return member.department
