"""Handing over the customers of somebody who left or moved: one batch a transaction.

A batch that is cut short never happened, and one that is done is not met again: its customers are not
theirs any more. So it goes on wherever it stopped, on any worker.
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
from customers.handover.domain import Given, given
from customers.handover.store import HandoverRow, Left
from customers.pool.commands.access_facts import publish_changed
from customers.pool.store import customer as customers

BATCH = 500


def begin(session: Session, told: Mapping[str, Any], *, whole: bool) -> None:
    """Take up what identity told. Told twice, it is begun once."""
    store.add(
        session,
        id=UUID(told["off_boarding"]),
        user=UUID(told["user"]),
        actor=UUID(told["by"]),
        plan=told["plan"],
        whole=whole,
        policy_version=int(told["policy_version"]),
    )


def step(session: Session, id: UUID, snapshot: Snapshot, now: float) -> bool:
    """Hand over one batch; whether there may be more."""
    one = store.locked(session, id)
    if one is None or one.finished_at is not None:
        return False
    some = store.left(session, one, BATCH)
    if not some:
        store.finish(session, id)
        return False

    def works(user: UUID) -> bool:
        member = snapshot.users.get(user)
        return member is not None and member.is_active_at(now)

    def place_of(user: UUID) -> UUID | None:
        return snapshot.users[user].department

    decided = [
        (left, given(one.plan, one.user, left.department, snapshot.departments, place_of, works))
        for left in some
    ]
    _carry_out(session, one, decided)
    return True


def _carry_out(session: Session, one: HandoverRow, decided: list[tuple[Left, Given]]) -> None:
    customers.update(
        session,
        [
            {"id": left.id, "owner_id": to.owner, "department_id": to.department}
            for left, to in decided
        ],
    )
    publish_changed(session, [left.id for left, _ in decided])
    actor = Actor(one.actor)
    audit.record_all(
        session,
        [
            audit.event(
                audit.Entry(
                    actor,
                    "hand_over",
                    "Customer",
                    str(left.id),
                    changes={"owner": [str(one.user), str(to.owner) if to.owner else None]},
                    details={"off_boarding": str(one.id)},
                    policy_version=one.policy_version,
                )
            )
            for left, to in decided
        ],
    )
    to_pool = sum(to.owner is None for _, to in decided)
    store.advance(session, one.id, len(decided), to_pool)
