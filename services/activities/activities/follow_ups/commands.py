"""Writing follow-ups down, and putting them right afterwards.

Facts and audit events tell which fields changed, never what was written: a summary is about people.
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
from activities.customers.commands import for_whom, seen
from activities.follow_ups import store
from activities.follow_ups.domain import Channel, Draft, changed, draft, refuse_stranger
from activities.tasks import commands as task_commands
from activities.tasks.domain import task as tasks
from activities.tasks.store import task as task_store
from chassis import audit
from chassis.errors import NotFound
from chassis.fact import FactType
from chassis.idempotency import run_idempotent
from chassis.outbox import record
from chassis.policy.guard import Scope


@dataclass(frozen=True, slots=True)
class Words:
    """What a person wrote, as it arrived."""

    channel: Channel
    summary: str
    occurred_at: datetime | None
    next_step: str | None
    next_due_at: datetime | None

    def checked(self, now: datetime) -> Draft:
        return draft(
            channel=self.channel,
            summary=self.summary,
            occurred_at=self.occurred_at,
            next_step=self.next_step,
            next_due_at=self.next_due_at,
            now=now,
        )

    def request(self) -> list[str | None]:
        """The same in JSON, to tell a repeated request from another one."""
        moments = [m.isoformat() if m else None for m in (self.occurred_at, self.next_due_at)]
        return [self.channel.value, self.summary, self.next_step, *moments]


def log_follow_up(
    session: Session,
    scope: Scope,
    customer: CustomerId,
    words: Words,
    now: datetime,
    key: str | None = None,
) -> FollowUpId:
    """Write a follow-up down; a next step with a due time becomes a task of its author."""

    def run() -> dict[str, Any]:
        written = words.checked(now)
        seen(session, scope, customer)
        author = UserId(scope.actor.user_id)
        id = store.add(session, customer, author, written)
        _settle_task(session, scope, id, customer, author, written)
        _tell(session, scope, facts.FOLLOW_UP_LOGGED, id, customer, ())
        return {"id": str(id)}

    request = [str(customer), *words.request()]
    answer = run_idempotent(session, scope.actor.user_id, key, "logFollowUp", run, request=request)
    return FollowUpId(UUID(answer["id"]))


def edit_follow_up(
    session: Session,
    scope: Scope,
    id: FollowUpId,
    words: Words,
    expected_version: int,
    now: datetime,
    key: str | None = None,
) -> FollowUpId:
    """Put other words in the place of the author's own; the task of the next step follows."""

    def run() -> dict[str, Any]:
        present = store.locked(session, scope, id)
        if present is None:
            raise _unknown(id)
        refuse_stranger(present.author, UserId(scope.actor.user_id))
        refuse_stale(present.version, expected_version)
        written = words.checked(now)
        fields = changed(present.draft, written)
        if fields:
            store.rewrite(session, id, written)
            _settle_task(session, scope, id, present.written_for, present.author, written)
            _tell(session, scope, facts.FOLLOW_UP_EDITED, id, present.customer, fields)
        return {"id": str(id)}

    request = [str(id), expected_version, *words.request()]
    run_idempotent(session, scope.actor.user_id, key, "editFollowUp", run, request=request)
    return id


def _settle_task(
    session: Session,
    scope: Scope,
    id: FollowUpId,
    customer: CustomerId,
    author: UserId,
    written: Draft,
) -> None:
    """The task of a follow-up says what its next step says, as long as it is open."""
    wanted = (
        tasks.Draft(written.next_step, written.next_due_at)
        if written.next_step and written.next_due_at
        else None
    )
    [present] = task_store.by_follow_ups(session, scope, [id])
    if present is None:
        if wanted:
            task_commands.write_down(
                session, scope, customer, assignee=author, draft=wanted, follow_up=id
            )
    elif wanted is None:
        if present.status is tasks.Status.OPEN:
            task_commands.move(session, scope, present, tasks.cancel(present.status))
    elif present.status is not tasks.Status.DONE:
        task_commands.move(session, scope, present, tasks.reopen(present.status))
        task_commands.redraft(session, scope, replace(present, status=tasks.Status.OPEN), wanted)


def _tell(
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
            for_whom(session, scope, customer).actor,
            "create" if fact_type is facts.FOLLOW_UP_LOGGED else "update",
            "FollowUp",
            str(id),
            changes={field: ["***", "***"] for field in fields},
            policy_version=scope.version,
        ),
    )


def _unknown(id: FollowUpId) -> NotFound:
    return NotFound(
        f"No follow-up {id} exists for you.",
        f"未找到您可见的跟进记录 {id}。",
        field="id",
    )
