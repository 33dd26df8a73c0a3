"""Everything that is done to a task, and reminding of the ones that are due.

Titles stay out of facts and audit events: they are about people.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, assert_never
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.orm import Session

from activities.core.domain import facts
from activities.core.domain.ids import CustomerId, FollowUpId, TaskId, UserId
from activities.core.domain.version import refuse_stale
from activities.customers.commands import for_whom, seen
from activities.tasks.domain.task import (
    Draft,
    Happening,
    Move,
    Moved,
    Status,
    Unchanged,
    cancel,
    complete,
    draft,
    refuse_closed,
    reopen,
)
from activities.tasks.store import task as store, task_event
from activities.tasks.store.task import TaskRow
from chassis import audit, telemetry
from chassis.errors import NotFound
from chassis.idempotency import run_idempotent
from chassis.outbox import record
from chassis.policy.guard import Scope

REMINDED_AT_ONCE = 200


def create_task(
    session: Session,
    scope: Scope,
    customer: CustomerId,
    *,
    title: str,
    due_at: datetime | None,
    assignee: UserId,
    key: str | None = None,
) -> TaskId:
    """Write a task down for somebody."""

    def run() -> dict[str, Any]:
        written = draft(title=title, due_at=due_at)
        seen(session, scope, customer)
        return {"id": str(write_down(session, scope, customer, assignee=assignee, draft=written))}

    request = [str(customer), title, due_at.isoformat() if due_at else None, str(assignee)]
    answer = run_idempotent(session, scope.actor.user_id, key, "createTask", run, request=request)
    return TaskId(UUID(answer["id"]))


def complete_task(
    session: Session, scope: Scope, id: TaskId, expected: int | None, key: str | None = None
) -> TaskId:
    """Done."""
    return _moved(session, scope, id, expected, key, "completeTask", complete)


def cancel_task(
    session: Session, scope: Scope, id: TaskId, expected: int | None, key: str | None = None
) -> TaskId:
    """Not to be done after all."""
    return _moved(session, scope, id, expected, key, "cancelTask", cancel)


def reopen_task(
    session: Session, scope: Scope, id: TaskId, expected: int | None, key: str | None = None
) -> TaskId:
    """Take a completion or a cancellation back."""
    return _moved(session, scope, id, expected, key, "reopenTask", reopen)


def reassign_task(
    session: Session,
    scope: Scope,
    id: TaskId,
    assignee: UserId,
    expected: int | None,
    key: str | None = None,
) -> TaskId:
    """Give an open task to somebody else."""

    def run() -> dict[str, Any]:
        present = _held(session, scope, id, expected)
        if present.assignee != assignee:
            refuse_closed(present.status)
            store.change(session, id, assignee_id=assignee)
            before_after = [str(present.assignee), str(assignee)]
            _tell(session, scope, present, Happening.REASSIGNED, {"assignee": before_after})
        return {"id": str(id)}

    request = [str(id), str(assignee), expected]
    run_idempotent(session, scope.actor.user_id, key, "reassignTask", run, request=request)
    return id


def reschedule_task(
    session: Session,
    scope: Scope,
    id: TaskId,
    due_at: datetime | None,
    expected: int | None,
    key: str | None = None,
) -> TaskId:
    """Give an open task another due time, or none; a reminder comes again at the new time."""

    def run() -> dict[str, Any]:
        present = _held(session, scope, id, expected)
        redraft(session, scope, present, draft(title=present.title, due_at=due_at))
        return {"id": str(id)}

    request = [str(id), due_at.isoformat() if due_at else None, expected]
    run_idempotent(session, scope.actor.user_id, key, "rescheduleTask", run, request=request)
    return id


def remind(session: Session, limit: int = REMINDED_AT_ONCE) -> int:
    """Tell of open tasks whose time has come, each once; answer how many there were."""
    due = store.claim_due(session, limit)
    if not due:
        return 0
    with telemetry.span("tasks due", tasks=len(due)):
        task_event.happened(session, [task.id for task in due], Happening.DUE, actor=None)
        for task in due:
            body = {
                "customer": str(task.customer),
                "assignee": str(task.assignee),
                "due_at": task.due_at.isoformat(),
            }
            record(session, facts.TASK_FELL_DUE.about(task.id, body))
    return len(due)


def write_down(
    session: Session,
    scope: Scope,
    customer: CustomerId,
    *,
    assignee: UserId,
    draft: Draft,
    follow_up: FollowUpId | None = None,
) -> TaskId:
    """Add a task of a customer that was seen before, and tell of it."""
    creator = UserId(scope.actor.user_id)
    id = store.add(
        session,
        customer=customer,
        assignee=assignee,
        creator=creator,
        draft=draft,
        follow_up=follow_up,
    )
    task_event.happened(session, [id], Happening.CREATED, actor=creator)
    body = {"customer": str(customer), "assignee": str(assignee)}
    record(session, facts.TASK_CREATED.about(id, body))
    proof = for_whom(session, scope, customer)
    audit.record(
        session, audit.Entry(proof.actor, "create", "Task", str(id), policy_version=scope.version)
    )
    return id


def move(session: Session, scope: Scope, present: TaskRow, decided: Move) -> None:
    """Carry out what the domain decided about a task."""
    match decided:
        case Unchanged():
            return
        case Moved(to, happening):
            closed_at = None if to is Status.OPEN else func.now()
            store.change(session, present.id, status=to.value, closed_at=closed_at)
            changes = {"status": [present.status.value, to.value]}
            _tell(session, scope, present, happening, changes)
        case _:
            assert_never(decided)


def redraft(session: Session, scope: Scope, present: TaskRow, wanted: Draft) -> None:
    """Give an open task other words or another time."""
    if (present.title, present.due_at) == (wanted.title, wanted.due_at):
        return
    refuse_closed(present.status)
    later = present.due_at != wanted.due_at
    reminded = {"reminded_at": None} if later else {}
    store.change(session, present.id, title=wanted.title, due_at=wanted.due_at, **reminded)
    changes: dict[str, list[str | None]] = {}
    if later:
        changes["due_at"] = [_iso(present.due_at), _iso(wanted.due_at)]
    if present.title != wanted.title:
        changes["title"] = ["***", "***"]
    _tell(session, scope, present, Happening.RESCHEDULED, changes)


def _moved(
    session: Session,
    scope: Scope,
    id: TaskId,
    expected: int | None,
    key: str | None,
    command: str,
    decide: Callable[[Status], Move],
) -> TaskId:
    def run() -> dict[str, Any]:
        present = _held(session, scope, id, expected)
        move(session, scope, present, decide(present.status))
        return {"id": str(id)}

    run_idempotent(session, scope.actor.user_id, key, command, run, request=[str(id), expected])
    return id


def _held(session: Session, scope: Scope, id: TaskId, expected: int | None) -> TaskRow:
    present = store.locked(session, scope, id)
    if present is None:
        raise NotFound(f"No task {id} exists for you.", f"未找到您可见的任务 {id}。", field="id")
    refuse_stale(present.version, expected)
    return present


def _tell(
    session: Session,
    scope: Scope,
    present: TaskRow,
    happening: Happening,
    changes: Mapping[str, Sequence[str | None]],
) -> None:
    actor = UserId(scope.actor.user_id)
    task_event.happened(session, [present.id], happening, actor=actor)
    body = {"customer": str(present.customer), "fields": [*changes]}
    record(session, facts.TASK_CHANGES[happening.value].about(present.id, body))
    audit.record(
        session,
        audit.Entry(
            for_whom(session, scope, present.customer).actor,
            "update",
            "Task",
            str(present.id),
            changes=changes,
            policy_version=scope.version,
        ),
    )


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
