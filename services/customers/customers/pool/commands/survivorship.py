"""Change which systems are believed first, and elect winners again without asking any source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.errors import BadInput
from chassis.policy.scope import Scope
from customers.pool.commands.access_facts import publish_changed
from customers.pool.commands.audit_trail import record_audit
from customers.pool.commands.claims import reelect_customers
from customers.pool.commands.locked_customer import (
    refuse_stale,
)
from customers.pool.domain.fields import field_called
from customers.pool.domain.golden import EVERY_FIELD
from customers.pool.store import claim as claim_store, customer as customer_store, locks, reelection

MAX_SYSTEMS = 100
AT_ONCE = 2_000
BATCH = 500


@dataclass(frozen=True, slots=True)
class Reelected:
    """The number of customers that show other values now, and whether the worker continues."""

    changed: int
    pending: bool


def set_order(
    session: Session,
    scope: Scope,
    field: str | None,
    systems: Sequence[str],
    expected_version: int | None,
) -> Reelected:
    """Set the order in which systems are believed, for one field or for every field without a rule.

    Raises `Conflict` where the rule's version is not the expected one.
    """
    name = EVERY_FIELD if field is None else field_called(field).name
    order = [system.strip() for system in systems]
    _refuse_invalid_order(order)
    present = {row.field: row for row in claim_store.rule_rows(session)}.get(name)
    refuse_stale(present.version if present else 0, expected_version)
    claim_store.set_rule(session, name, order, scope.actor.user_id)
    before = list(present.source_order) if present else []
    record_audit(session, scope, f"survivorship:{name}", {"sourceOrder": [before, order]})
    id = reelection.request(session)
    changed = 0
    for _ in range(AT_ONCE // BATCH):
        batch_changed, more = reelect_batch(session, id)
        changed += batch_changed
        if not more:
            return Reelected(changed, False)
    return Reelected(changed, True)


def any_upkeep(session: Session) -> bool:
    """Return whether a re-election is open or a pin ran out."""
    return reelection.any_open(session) or bool(claim_store.ended_pins(session, 1))


def reelect_batch(session: Session, id: UUID | None = None) -> tuple[int, bool]:
    """Elect again for one batch; return how many customers changed, and whether more are left."""
    request = reelection.lock_next(session, id)
    if request is None:
        return 0, False
    ids = reelection.next_customers(session, request.reached, BATCH)
    locks.lock_customers(session, ids)
    rows = [
        row
        for row in customer_store.by_ids_unscoped(session, ids).values()
        if row.merged_into is None
    ]
    changed = reelect_customers(session, rows)
    if changed:
        publish_changed(session, changed)
    more = len(ids) == BATCH
    reelection.record_progress(session, request.id, ids[-1] if more else None)
    return len(changed), more


def settle_pins(session: Session) -> int:
    """Elect again for customers whose pins ran out; return the number of pins."""
    ended = claim_store.ended_pins(session, BATCH)
    if not ended:
        return 0
    ids = {customer_id for _, customer_id in ended}
    locks.lock_customers(session, ids)
    changed = reelect_customers(
        session, list(customer_store.by_ids_unscoped(session, ids).values())
    )
    claim_store.settle_pins(session, [claim_id for claim_id, _ in ended])
    if changed:
        publish_changed(session, changed)
    return len(ended)


def _refuse_invalid_order(order: Sequence[str]) -> None:
    if len(order) > MAX_SYSTEMS or len(set(order)) != len(order) or not all(order):
        raise BadInput(
            f"sourceOrder must name each system once, at most {MAX_SYSTEMS}, none of them empty.",
            f"sourceOrder 中每个来源只能出现一次，最多 {MAX_SYSTEMS} 个，且不能为空。",
            field="sourceOrder",
        )
