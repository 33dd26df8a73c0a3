"""Load what is believed of customers, save what changed, and record manual values as claims."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from chassis import telemetry
from chassis.policy.scope import Scope
from customers.pool.commands.locked_customer import LockedCustomer
from customers.pool.domain.absorption import Beliefs
from customers.pool.domain.record import MANUAL, keys_of
from customers.pool.store import (
    claim as claim_store,
    customer as customer_store,
    link as link_store,
    match as match_store,
)
from customers.pool.store.customer import CustomerRow


def load_beliefs(session: Session, rows: Iterable[CustomerRow], at: datetime) -> Beliefs:
    """Load the claims and golden records of customers, ready for manual claims."""
    by_id = {row.id: row for row in rows}
    return Beliefs(
        system=MANUAL,
        rules=claim_store.rules(session),
        at=at,
        trace_id=telemetry.trace_id(),
        claims=claim_store.of_customers(session, by_id),
        golden={id: customer_store.golden_of(row) for id, row in by_id.items()},
    )


def save_beliefs(
    session: Session, beliefs: Beliefs, ids: Iterable[UUID], actor_id: UUID | None = None
) -> None:
    """Write the claims that were made and ended, and the golden records of these customers."""
    claim_store.end(session, beliefs.ended, beliefs.at)
    claim_store.insert(session, list(beliefs.made.values()), actor_id)
    customer_store.update(
        session,
        [
            {"id": id, **customer_store.golden_columns(beliefs.golden[id])}
            for id in sorted(set(ids))
        ],
    )


def record_claims(
    session: Session,
    scope: Scope,
    customer: LockedCustomer,
    values: Mapping[str, str | None],
) -> tuple[str, ...]:
    """Record values as claims of the source "manual"; return the fields that show another value."""
    at = link_store.now(session)
    link_id = link_store.manual(session, customer.requested_id, customer.id, at)
    beliefs = load_beliefs(session, [customer.row], at)
    changed = beliefs.assert_values(customer.id, link_id, values, at)
    save_beliefs(session, beliefs, [customer.id], scope.actor.user_id)
    keys = keys_of(customer.row.kind, beliefs.present_values(customer.id, link_id))
    match_store.replace_keys(session, {link_id: keys})
    return changed
