"""Load what is believed of customers, save what changed, and record manual values as claims."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from chassis import telemetry
from chassis.policy.scope import Scope
from customers.pool.commands.locked_customer import LockedCustomer
from customers.pool.domain.belief import (
    Belief,
    Terms,
    assert_values,
    changed_fields,
    reelect,
)
from customers.pool.domain.record import MANUAL, keys_of
from customers.pool.store import (
    claim as claim_store,
    customer as customer_store,
    link as link_store,
    match as match_store,
)
from customers.pool.store.customer import CustomerRow


@dataclass(frozen=True, slots=True)
class Beliefs:
    """Beliefs by customer, and the terms under which manual claims are made and elected."""

    terms: Terms
    by_customer: Mapping[UUID, Belief]

    def __getitem__(self, id: UUID) -> Belief:
        return self.by_customer[id]


def load_beliefs(session: Session, rows: Iterable[CustomerRow], at: datetime) -> Beliefs:
    """Load the claims and golden records of customers."""
    by_id = {row.id: row for row in rows}
    terms = Terms(MANUAL, claim_store.rules(session), at, telemetry.trace_id())
    claims = claim_store.of_customers(session, by_id)
    return Beliefs(
        terms,
        {
            id: Belief(id, tuple(claims[id]), customer_store.golden_of(row))
            for id, row in by_id.items()
        },
    )


def save_beliefs(
    session: Session, beliefs: Iterable[Belief], at: datetime, actor_id: UUID | None = None
) -> None:
    """Write the golden records of customers, and the claims that were made and ended."""
    ordered = sorted(beliefs, key=lambda belief: belief.customer_id)
    claim_store.end(session, [id for belief in ordered for id in belief.ended], at)
    claim_store.insert(session, [claim for belief in ordered for claim in belief.made], actor_id)
    customer_store.update(
        session,
        [
            {"id": belief.customer_id, **customer_store.golden_columns(belief.golden)}
            for belief in ordered
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
    before = beliefs[customer.id]
    after = assert_values(before, beliefs.terms, link_id, values, at)
    save_beliefs(session, [after], at, scope.actor.user_id)
    keys = keys_of(customer.row.kind, after.present_values(link_id))
    match_store.replace_keys(session, {link_id: keys})
    return changed_fields(before, after)


def reelect_customers(session: Session, rows: Iterable[CustomerRow]) -> list[UUID]:
    """Elect again for locked customers; return the ids of those whose shown values changed."""
    beliefs = load_beliefs(session, rows, link_store.now(session))
    changed = [
        after
        for before in beliefs.by_customer.values()
        if changed_fields(before, after := reelect(before, beliefs.terms))
    ]
    save_beliefs(session, changed, beliefs.terms.at)
    return [belief.customer_id for belief in changed]
