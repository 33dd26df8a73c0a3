"""Commands that hand over the open tasks of a user who left or changed their job.

The tasks are listed at the beginning. A batch is one transaction and removes its tasks from that
list together with the work, so an interrupted batch is repeated and a finished one is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from activities.core.domain import facts
from activities.core.domain.ids import TaskId, UserId
from activities.handover import store
from activities.handover.domain import next_assignee
from activities.handover.store import HandoverRow
from activities.tasks.domain.task import Happening
from activities.tasks.store import task_event
from chassis.actor import Actor
from chassis.audit import events as audit
from chassis.facts.outbox import record
from chassis.policy.rules import Snapshot

BATCH = 500


def begin(session: Session, body: Mapping[str, Any], *, whole: bool) -> None:
    """Begin the handover of a fact of identity, given its body; repeated, it changes nothing."""
    store.add(
        session,
        id=UUID(body["off_boarding"]),
        user=UserId(UUID(body["user"])),
        actor=UserId(UUID(body["by"])),
        plan=body["plan"],
        whole=whole,
        policy_version=int(body["policy_version"]),
    )


def step(session: Session, id: UUID, snapshot: Snapshot, now: float) -> bool:
    """Hand over one batch, `now` in seconds since the epoch; return whether more may remain."""
    handover = store.locked(session, id)
    if handover is None or handover.finished_at is not None:
        return False
    batch = store.take(session, handover, BATCH)
    if not batch:
        store.finish(session, id)
        return False

    def works(user: UserId) -> bool:
        member = snapshot.users.get(user)
        return member is not None and member.is_active_at(now)

    assignments = [
        (
            task.id,
            next_assignee(
                handover.plan,
                handover.user,
                task.department,
                snapshot.departments,
                handover.actor,
                works,
            ),
        )
        for task in batch
        if task.is_still_open
    ]
    changes = [(task, assignee) for task, assignee in assignments if assignee != handover.user]
    _reassign(session, handover, changes)
    store.advance(session, id, len(changes))
    return True


def _reassign(
    session: Session, handover: HandoverRow, changes: Sequence[tuple[TaskId, UserId]]
) -> None:
    if not changes:
        return
    store.assign(session, changes)
    ids = [task for task, _ in changes]
    task_event.add(session, ids, Happening.REASSIGNED, actor=handover.actor)
    for task, assignee in changes:
        body = {"assignee": str(assignee), "fields": ["assignee"]}
        record(session, facts.TASK_REASSIGNED.about(task, body))
    audit.record_all(
        session,
        [
            audit.event(
                audit.Entry(
                    Actor(handover.actor),
                    "hand_over",
                    "Task",
                    str(task),
                    changes={"assignee": [str(handover.user), str(assignee)]},
                    details={"off_boarding": str(handover.id)},
                    policy_version=handover.policy_version,
                )
            )
            for task, assignee in changes
        ],
    )
