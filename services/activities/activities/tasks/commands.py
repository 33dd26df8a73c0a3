"""Commands that create and change tasks, and remind of the ones that are due.

Titles stay out of facts and audit events: they are personal data.
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
from activities.customers.commands import scope_at_customer, visible_customer
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
from chassis import telemetry
from chassis.audit import events as audit
from chassis.errors import NotFound
from chassis.facts.outbox import record
from chassis.idempotency import run_idempotent
from chassis.policy.scope import Scope

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
    """Add a task and return its id. Raise `NotFound` for a customer the caller may not see."""

    def run() -> dict[str, Any]:
        content = draft(title=title, due_at=due_at)
        visible_customer(session, scope, customer)
        return {"id": str(add_task(session, scope, customer, assignee=assignee, draft=content))}

    request = [str(customer), title, due_at.isoformat() if due_at else None, str(assignee)]
    answer = run_idempotent(session, scope.actor.user_id, key, "createTask", run, request=request)
    return TaskId(UUID(answer["id"]))


def complete_task(
    session: Session, scope: Scope, id: TaskId, expected: int | None, key: str | None = None
) -> TaskId:
    """Set a task to done. Raise `Conflict` for a cancelled one or a stale version."""
    return _move_task(session, scope, id, expected, key, "completeTask", complete)


def cancel_task(
    session: Session, scope: Scope, id: TaskId, expected: int | None, key: str | None = None
) -> TaskId:
    """Cancel a task. Raise `Conflict` for a done one or a stale version."""
    return _move_task(session, scope, id, expected, key, "cancelTask", cancel)


def reopen_task(
    session: Session, scope: Scope, id: TaskId, expected: int | None, key: str | None = None
) -> TaskId:
    """Reopen a done or cancelled task. Raise `Conflict` for a stale version."""
    return _move_task(session, scope, id, expected, key, "reopenTask", reopen)


def reassign_task(
    session: Session,
    scope: Scope,
    id: TaskId,
    assignee: UserId,
    expected: int | None,
    key: str | None = None,
) -> TaskId:
    """Assign an open task to another user. Raise `Conflict` for a closed task."""

    def run() -> dict[str, Any]:
        present = _locked_task(session, scope, id, expected)
        if present.assignee != assignee:
            refuse_closed(present.status)
            store.change(session, id, assignee_id=assignee)
            before_after = [str(present.assignee), str(assignee)]
            _record_change(
                session, scope, present, Happening.REASSIGNED, {"assignee": before_after}
            )
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
    """Change or remove the due time of an open task; it is reminded of again at the new time."""

    def run() -> dict[str, Any]:
        present = _locked_task(session, scope, id, expected)
        redraft(session, scope, present, draft(title=present.title, due_at=due_at))
        return {"id": str(id)}

    request = [str(id), due_at.isoformat() if due_at else None, expected]
    run_idempotent(session, scope.actor.user_id, key, "rescheduleTask", run, request=request)
    return id


def remind(session: Session, limit: int = REMINDED_AT_ONCE) -> int:
    """Record the facts of at most `limit` due tasks, each task once; return their number."""
    due = store.claim_due(session, limit)
    if not due:
        return 0
    with telemetry.span("tasks due", tasks=len(due)):
        task_event.add(session, [task.id for task in due], Happening.DUE, actor=None)
        for task in due:
            body = {
                "customer": str(task.customer),
                "assignee": str(task.assignee),
                "due_at": task.due_at.isoformat(),
            }
            record(session, facts.TASK_FELL_DUE.about(task.id, body))
    return len(due)


def add_task(
    session: Session,
    scope: Scope,
    customer: CustomerId,
    *,
    assignee: UserId,
    draft: Draft,
    follow_up: FollowUpId | None = None,
) -> TaskId:
    """Add a task for a customer the caller may see, with its event, fact and audit entry."""
    creator = UserId(scope.actor.user_id)
    id = store.add(
        session,
        customer=customer,
        assignee=assignee,
        creator=creator,
        draft=draft,
        follow_up=follow_up,
    )
    task_event.add(session, [id], Happening.CREATED, actor=creator)
    body = {"customer": str(customer), "assignee": str(assignee)}
    record(session, facts.TASK_CREATED.about(id, body))
    actor = scope_at_customer(session, scope, customer).actor
    audit.record(
        session, audit.Entry(actor, "create", "Task", str(id), policy_version=scope.version)
    )
    return id


def move(session: Session, scope: Scope, present: TaskRow, decision: Move) -> None:
    """Carry out a decision of the domain about a task's status."""
    match decision:
        case Unchanged():
            return
        case Moved(to, happening):
            closed_at = None if to is Status.OPEN else func.now()
            store.change(session, present.id, status=to.value, closed_at=closed_at)
            changes = {"status": [present.status.value, to.value]}
            _record_change(session, scope, present, happening, changes)
        case _:
            assert_never(decision)


def redraft(session: Session, scope: Scope, present: TaskRow, draft: Draft) -> None:
    """Change the title and due time of an open task. Raise `Conflict` for a closed one."""
    if (present.title, present.due_at) == (draft.title, draft.due_at):
        return
    refuse_closed(present.status)
    rescheduled = present.due_at != draft.due_at
    reminded = {"reminded_at": None} if rescheduled else {}
    store.change(session, present.id, title=draft.title, due_at=draft.due_at, **reminded)
    changes: dict[str, list[str | None]] = {}
    if rescheduled:
        changes["due_at"] = [_iso(present.due_at), _iso(draft.due_at)]
    if present.title != draft.title:
        changes["title"] = ["***", "***"]
    _record_change(session, scope, present, Happening.RESCHEDULED, changes)


def _move_task(
    session: Session,
    scope: Scope,
    id: TaskId,
    expected: int | None,
    key: str | None,
    command: str,
    decide: Callable[[Status], Move],
) -> TaskId:
    def run() -> dict[str, Any]:
        present = _locked_task(session, scope, id, expected)
        move(session, scope, present, decide(present.status))
        return {"id": str(id)}

    run_idempotent(session, scope.actor.user_id, key, command, run, request=[str(id), expected])
    return id


def _locked_task(session: Session, scope: Scope, id: TaskId, expected: int | None) -> TaskRow:
    present = store.locked(session, scope, id)
    if present is None:
        raise NotFound(
            f"id {id} is not a task you may see.", f"未找到您可见的任务 {id}。", field="id"
        )
    refuse_stale(present.version, expected)
    return present


def _record_change(
    session: Session,
    scope: Scope,
    present: TaskRow,
    happening: Happening,
    changes: Mapping[str, Sequence[str | None]],
) -> None:
    actor = UserId(scope.actor.user_id)
    task_event.add(session, [present.id], happening, actor=actor)
    body = {"customer": str(present.customer), "fields": [*changes]}
    record(session, facts.TASK_CHANGES[happening.value].about(present.id, body))
    audit.record(
        session,
        audit.Entry(
            scope_at_customer(session, scope, present.customer).actor,
            "update",
            "Task",
            str(present.id),
            changes=changes,
            policy_version=scope.version,
        ),
    )


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
