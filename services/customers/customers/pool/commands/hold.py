"""Taking hold of one customer for a change: found by any of its ids, in scope, at the expected version,
locked; and keeping what people say about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from chassis import telemetry
from chassis.errors import BadInput, Conflict, NotFound
from chassis.policy.rules import Snapshot
from chassis.policy.scope import Scope
from customers.pool.domain.absorption import Beliefs
from customers.pool.domain.match import Key
from customers.pool.domain.record import MANUAL, keys_of
from customers.pool.store import (
    claim as claim_store,
    customer as customer_store,
    link as link_store,
    locks,
    match as match_store,
)
from customers.pool.store.customer import CustomerRow


@dataclass(frozen=True, slots=True)
class Held:
    """A locked customer, the id it was asked by, and the proof for this one row: it says for whom
    the actor stands in, if only they reach it."""

    row: CustomerRow
    addressed: UUID
    scope: Scope

    @property
    def id(self) -> UUID:
        return self.row.id


def hold(
    session: Session,
    scope: Scope,
    id: UUID,
    expected_version: int | None = None,
    keys: Iterable[Key] = (),
) -> Held:
    """Raises `NotFound` for what is not there or not in scope, `Conflict` for another version."""
    [found] = customer_store.by_ids(session, scope, [id])
    if found is None:
        raise _unknown(id)
    locks.lock_keys(session, keys, ())
    locks.lock_customers(session, [found.id])
    row = customer_store.by_ids_unscoped(session, [found.id])[found.id]
    if not scope.sees(row.access):
        raise _unknown(id)
    if row.merged_into is not None:
        raise Conflict(
            "This customer was merged into another one a moment ago; read it again.",
            "该客户刚刚被合并，请重新读取。",
            field="id",
            version=row.version,
        )
    refuse_stale(row.version, expected_version)
    return Held(row, id, scope.at(row.access))


def refuse_stale(present: int, expected: int | None) -> None:
    """Raises `Conflict` with the present version when another one was expected."""
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
        f"There is no customer {id}, or it is not yours to see.",
        f"没有客户 {id}，或您无权查看。",
        field="id",
    )


def beliefs_about(session: Session, rows: Iterable[CustomerRow], at: datetime) -> Beliefs:
    """What is believed of these customers, ready for what people say."""
    by_id = {row.id: row for row in rows}
    return Beliefs(
        system=MANUAL,
        rules=claim_store.rules(session),
        at=at,
        trace_id=telemetry.trace_id(),
        claims=claim_store.of_customers(session, by_id),
        golden={id: customer_store.golden_of(row) for id, row in by_id.items()},
    )


def keep(
    session: Session, beliefs: Beliefs, ids: Iterable[UUID], actor_id: UUID | None = None
) -> None:
    """Writes the claims that were made and ended, and the golden records of these customers."""
    claim_store.end(session, beliefs.ended, beliefs.at)
    claim_store.insert(session, list(beliefs.made.values()), actor_id)
    customer_store.update(
        session,
        [
            {"id": id, **customer_store.golden_columns(beliefs.golden[id])}
            for id in sorted(set(ids))
        ],
    )


def say(
    session: Session,
    scope: Scope,
    held: Held,
    said: Mapping[str, str | None],
) -> tuple[str, ...]:
    """Takes what a person says of a customer as claims of the source "manual"."""
    at = link_store.now(session)
    link_id = link_store.manual(session, held.addressed, held.id, at)
    beliefs = beliefs_about(session, [held.row], at)
    changed = beliefs.assert_values(held.id, link_id, said, at)
    keep(session, beliefs, [held.id], scope.actor.user_id)
    keys = keys_of(held.row.kind, beliefs.present_values(held.id, link_id))
    match_store.replace_keys(session, {link_id: keys})
    return changed


def department_of(snapshot: Snapshot | None, user_id: UUID, field: str) -> UUID | None:
    """Where somebody works. Raises `BadInput` for a person the policy does not know as active."""
    member = snapshot.users.get(user_id) if snapshot else None
    if member is None or not member.active:
        raise BadInput(f"{field} is not an active user.", f"{field} 不是在职用户。", field=field)
    return member.department
