"""Handing over the open tasks of somebody who left or moved: one batch a transaction.

What there was at the beginning is written down. A batch takes its part of that away with the work it
does, so one that was cut short is done again, and one that is done is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from activities.core.domain import facts
from activities.core.domain.ids import TaskId, UserId
from activities.handover import store
from activities.handover.domain import taker
from activities.handover.store import HandoverRow
from activities.tasks.domain.task import Happening
from activities.tasks.store import task_event
from chassis import audit
from chassis.actor import Actor
from chassis.outbox import record
from chassis.policy.rules import Snapshot

BATCH = 500


def begin(session: Session, told: Mapping[str, Any], *, whole: bool) -> None:
    """Take up what identity told. Told twice, it is begun once."""
    store.add(
        session,
        id=UUID(told["off_boarding"]),
        user=UserId(UUID(told["user"])),
        actor=UserId(UUID(told["by"])),
        plan=told["plan"],
        whole=whole,
        policy_version=int(told["policy_version"]),
    )


def step(session: Session, id: UUID, snapshot: Snapshot, now: float) -> bool:
    """Hand over one batch; whether there may be more."""
    one = store.locked(session, id)
    if one is None or one.finished_at is not None:
        return False
    some = store.take(session, one, BATCH)
    if not some:
        store.finish(session, id)
        return False

    def works(user: UserId) -> bool:
        member = snapshot.users.get(user)
        return member is not None and member.works_at(now)

    decided = [
        (
            left.id,
            taker(one.plan, one.user, left.department, snapshot.departments, one.actor, works),
        )
        for left in some
        if left.theirs
    ]
    given = [(task, to) for task, to in decided if to != one.user]
    _carry_out(session, one, given)
    store.advance(session, id, len(given))
    return True


def _carry_out(session: Session, one: HandoverRow, given: Sequence[tuple[TaskId, UserId]]) -> None:
    if not given:
        return
    store.assign(session, given)
    ids = [task for task, _ in given]
    task_event.happened(session, ids, Happening.REASSIGNED, actor=one.actor)
    for task, to in given:
        body = {"assignee": str(to), "fields": ["assignee"]}
        record(session, facts.TASK_REASSIGNED.about(task, body))
    audit.record_all(
        session,
        [
            audit.event(
                audit.Entry(
                    Actor(one.actor),
                    "hand_over",
                    "Task",
                    str(task),
                    changes={"assignee": [str(one.user), str(to)]},
                    details={"off_boarding": str(one.id)},
                    policy_version=one.policy_version,
                )
            )
            for task, to in given
        ],
    )
