"""Commands that log and edit follow-ups.

Facts and audit events name the fields that changed, never their text: a summary is personal data.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from activities.core.domain import facts
from activities.core.domain.ids import CustomerId, FollowUpId, UserId
from activities.core.domain.version import refuse_stale
from activities.customers.commands import scope_at_customer, visible_customer
from activities.follow_ups import store
from activities.follow_ups.domain import Channel, Draft, changed_fields, draft, refuse_stranger
from activities.tasks import commands as task_commands
from activities.tasks.domain import task as tasks
from activities.tasks.store import task as task_store
from chassis.audit import events as audit
from chassis.errors import NotFound
from chassis.facts.outbox import record
from chassis.facts.types import FactType
from chassis.idempotency import run_idempotent
from chassis.policy.scope import Scope


@dataclass(frozen=True, slots=True)
class FollowUpRequest:
    """The values a user sent for a follow-up, not yet checked."""

    channel: Channel
    summary: str
    occurred_at: datetime | None
    next_step: str | None
    next_due_at: datetime | None

    def checked(self, now: datetime) -> Draft:
        """Return the checked values. Raise `BadInput` for one that is not allowed."""
        return draft(
            channel=self.channel,
            summary=self.summary,
            occurred_at=self.occurred_at,
            next_step=self.next_step,
            next_due_at=self.next_due_at,
            now=now,
        )

    def json(self) -> list[str | None]:
        """Return the values as JSON, to recognise a repeated request."""
        moments = [
            moment.isoformat() if moment else None
            for moment in (self.occurred_at, self.next_due_at)
        ]
        return [self.channel.value, self.summary, self.next_step, *moments]


def log_follow_up(
    session: Session,
    scope: Scope,
    customer: CustomerId,
    request: FollowUpRequest,
    now: datetime,
    key: str | None = None,
) -> FollowUpId:
    """Add a follow-up; a next step with a due time becomes a task of its author."""

    def run() -> dict[str, Any]:
        draft = request.checked(now)
        visible_customer(session, scope, customer)
        author = UserId(scope.actor.user_id)
        id = store.add(session, customer, author, draft)
        _align_task(session, scope, id, customer, author, draft)
        _record_change(session, scope, facts.FOLLOW_UP_LOGGED, id, customer, ())
        return {"id": str(id)}

    json = [str(customer), *request.json()]
    answer = run_idempotent(session, scope.actor.user_id, key, "logFollowUp", run, request=json)
    return FollowUpId(UUID(answer["id"]))


def edit_follow_up(
    session: Session,
    scope: Scope,
    id: FollowUpId,
    request: FollowUpRequest,
    expected_version: int,
    now: datetime,
    key: str | None = None,
) -> FollowUpId:
    """Replace the content of the caller's follow-up, and change its task accordingly."""

    def run() -> dict[str, Any]:
        present = store.locked(session, scope, id)
        if present is None:
            raise _unknown_follow_up(id)
        refuse_stranger(present.author, UserId(scope.actor.user_id))
        refuse_stale(present.version, expected_version)
        draft = request.checked(now)
        fields = changed_fields(present.draft, draft)
        if fields:
            store.rewrite(session, id, draft)
            _align_task(session, scope, id, present.written_for, present.author, draft)
            _record_change(session, scope, facts.FOLLOW_UP_EDITED, id, present.customer, fields)
        return {"id": str(id)}

    json = [str(id), expected_version, *request.json()]
    run_idempotent(session, scope.actor.user_id, key, "editFollowUp", run, request=json)
    return id


def _align_task(
    session: Session,
    scope: Scope,
    id: FollowUpId,
    customer: CustomerId,
    author: UserId,
    draft: Draft,
) -> None:
    """Give the task of a follow-up the title and due time of its next step, unless it is done."""
    task_draft = (
        tasks.Draft(draft.next_step, draft.next_due_at)
        if draft.next_step and draft.next_due_at
        else None
    )
    [present] = task_store.by_follow_ups(session, scope, [id])
    if present is None:
        if task_draft:
            task_commands.add_task(
                session, scope, customer, assignee=author, draft=task_draft, follow_up=id
            )
    elif task_draft is None:
        if present.status is tasks.Status.OPEN:
            task_commands.move(session, scope, present, tasks.cancel(present.status))
    elif present.status is not tasks.Status.DONE:
        task_commands.move(session, scope, present, tasks.reopen(present.status))
        reopened = replace(present, status=tasks.Status.OPEN)
        task_commands.redraft(session, scope, reopened, task_draft)


def _record_change(
    session: Session,
    scope: Scope,
    fact_type: FactType,
    id: FollowUpId,
    customer: CustomerId,
    fields: tuple[str, ...],
) -> None:
    record(
        session,
        fact_type.about(id, {"customer": str(customer), "fields": [*fields]}),
    )
    audit.record(
        session,
        audit.Entry(
            scope_at_customer(session, scope, customer).actor,
            "create" if fact_type is facts.FOLLOW_UP_LOGGED else "update",
            "FollowUp",
            str(id),
            changes={field: ["***", "***"] for field in fields},
            policy_version=scope.version,
        ),
    )


def _unknown_follow_up(id: FollowUpId) -> NotFound:
    return NotFound(
        f"id {id} is not a follow-up you may see.",
        f"未找到您可见的跟进记录 {id}。",
        field="id",
    )
