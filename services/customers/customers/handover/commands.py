"""Hand over the customers of a user who left or changed their job: one batch in each transaction.

A batch that is interrupted never happened, and one that is done is not repeated, since its
customers have another owner. So a handover continues where it stopped, on any worker.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.actor import Actor
from chassis.audit import events as audit
from chassis.policy.rules import Snapshot
from customers.handover import store
from customers.handover.domain import Destination, decide
from customers.handover.store import HandoverRow, PendingCustomer
from customers.pool.commands.access_facts import publish_changed
from customers.pool.store import customer as customers

BATCH = 500


def begin(session: Session, body: Mapping[str, Any], *, whole: bool) -> None:
    """Begin the handover that the body of identity's fact describes. Idempotent."""
    store.add(
        session,
        id=UUID(body["off_boarding"]),
        user=UUID(body["user"]),
        actor=UUID(body["by"]),
        plan=body["plan"],
        whole=whole,
        policy_version=int(body["policy_version"]),
    )


def hand_over_batch(session: Session, id: UUID, snapshot: Snapshot, now: float) -> bool:
    """Hand over one batch under the policy at a moment; return whether there may be more."""
    handover = store.lock(session, id)
    if handover is None or handover.finished_at is not None:
        return False
    batch = store.lock_pending(session, handover, BATCH)
    if not batch:
        store.finish(session, id)
        return False

    def works(user: UUID) -> bool:
        member = snapshot.users.get(user)
        return member is not None and member.is_active_at(now)

    def place_of(user: UUID) -> UUID | None:
        return snapshot.users[user].department

    decisions = [
        (
            customer,
            decide(
                handover.plan,
                handover.user,
                customer.department,
                snapshot.departments,
                place_of,
                works,
            ),
        )
        for customer in batch
    ]
    _write(session, handover, decisions)
    return True


def _write(
    session: Session,
    handover: HandoverRow,
    decisions: list[tuple[PendingCustomer, Destination]],
) -> None:
    customers.update(
        session,
        [
            {"id": customer.id, "owner_id": to.owner, "department_id": to.department}
            for customer, to in decisions
        ],
    )
    publish_changed(session, [customer.id for customer, _ in decisions])
    actor = Actor(handover.actor)
    audit.record_all(
        session,
        [
            audit.event(
                audit.Entry(
                    actor,
                    "hand_over",
                    "Customer",
                    str(customer.id),
                    changes={"owner": [str(handover.user), str(to.owner) if to.owner else None]},
                    details={"off_boarding": str(handover.id)},
                    policy_version=handover.policy_version,
                )
            )
            for customer, to in decisions
        ],
    )
    to_pool = sum(to.owner is None for _, to in decisions)
    store.advance(session, handover.id, len(decisions), to_pool)
