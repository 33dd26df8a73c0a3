"""Store the audit ledger; the database itself refuses to change or delete a row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    DateTime,
    Row,
    Table,
    Text,
    Uuid,
    bindparam,
    func,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Session

from chassis.api.paging import Page, Window, page
from chassis.policy.scope import Scope
from identity.core.domain.ids import AuditEventId, UserId
from identity.core.store.metadata import metadata
from identity.ledger.domain.audit_event import AuditEvent, Filter
from identity.ledger.domain.decision import RecordedDecision

audit_event = Table(
    "audit_event",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("service", Text, nullable=False),
    Column("actor_id", Uuid),
    Column("session_id", Uuid),
    Column("action", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("resource", Text, nullable=False),
    Column("changes", JSONB, nullable=False),
    Column("details", JSONB, nullable=False),
    Column("purpose", Text),
    Column("decision", Text, nullable=False),
    Column("policy_version", BigInteger),
    Column("trace_id", Text),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)


CHANNEL = "audit_events"
"""The PostgreSQL channel of a notice that events wait for a seal."""
_NOTIFY = text(f"SELECT pg_notify('{CHANNEL}', '')")


def append(session: Session, events: Sequence[AuditEvent]) -> None:
    """Store events; one that is stored already stays as it is."""
    if events:
        values = [_values(event) for event in events]
        session.execute(insert(audit_event).on_conflict_do_nothing(), values)
        session.execute(_NOTIFY)


def _values(event: AuditEvent) -> dict[str, Any]:
    values = asdict(event)
    values["actor_id"], values["session_id"] = values.pop("actor"), values.pop("session")
    return values


def list_events(session: Session, scope: Scope, filter: Filter, window: Window) -> Page[AuditEvent]:
    """Return a page of events, the newest first."""
    assert scope.object == "AuditEvent"
    page_of_records = page(
        session,
        select(audit_event).where(*conditions(filter)),
        order=[(audit_event.c.at, "desc"), (audit_event.c.id, "desc")],
        window=window,
    )
    return page_of_records.map(event_row)


def conditions(filter: Filter) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions of a filter."""
    equal = {
        audit_event.c.actor_id: filter.actor,
        audit_event.c.service: filter.service,
        audit_event.c.object: filter.object,
        audit_event.c.decision: filter.decision,
        audit_event.c.trace_id: filter.trace_id,
    }
    for column, value in equal.items():
        if value is not None:
            yield column == value
    if filter.resource is not None:
        # What was done to the object, and every read that showed something of it.
        yield or_(audit_event.c.resource == filter.resource, _details_hold("ids", filter.resource))
    if filter.coordinate is not None:
        yield _details_hold("clear", filter.coordinate)
    if filter.purpose is not None:
        yield audit_event.c.purpose.icontains(filter.purpose, autoescape=True)
    if filter.actions:
        yield audit_event.c.action.in_(filter.actions)
    if filter.since is not None:
        yield audit_event.c.at >= filter.since
    if filter.until is not None:
        yield audit_event.c.at < filter.until
    if filter.through is not None:
        yield audit_event.c.at <= filter.through


def _details_hold(key: str, value: str) -> ColumnElement[bool]:
    return audit_event.c.details[key].op("@>", is_comparison=True)(
        bindparam(None, [value], type_=JSONB)
    )


def event_row(record: Row[Any]) -> AuditEvent:
    """Build an event from a selected row."""
    return AuditEvent(
        id=AuditEventId(record.id),
        at=record.at,
        service=record.service,
        actor=UserId(record.actor_id) if record.actor_id else None,
        session=record.session_id,
        action=record.action,
        object=record.object,
        resource=record.resource,
        changes=dict(record.changes),
        details=dict(record.details),
        purpose=record.purpose,
        decision=record.decision,
        policy_version=record.policy_version,
        trace_id=record.trace_id,
    )


_DECISIONS = text(
    """
    SELECT actor_id, object, action, decision, details -> 'clear', details -> 'masked',
           count(*), max(at)
    FROM audit_event
    WHERE at >= :since AND actor_id IS NOT NULL
      AND (object || ' ' || action) = ANY(:rights) AND decision IN ('allow', 'deny')
    GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY max(at) DESC LIMIT :most
    """
)


def decisions(
    session: Session, scope: Scope, since: datetime, rights: Iterable[tuple[str, str]], most: int
) -> list[RecordedDecision]:
    """Return the decisions about these objects and actions since a moment.

    Equal decisions are one; the latest come first.
    """
    assert scope.object == "AuditEvent"
    arguments = {"since": since, "rights": [" ".join(right) for right in rights], "most": most}
    return [
        RecordedDecision(
            user_id=user,
            object=object,
            action=action,
            allowed=decision == "allow",
            clear=frozenset(clear or ()),
            masked=frozenset(masked or ()),
            times=times,
            last=last,
        )
        for user, object, action, decision, clear, masked, times, last in session.execute(
            _DECISIONS, arguments
        )
    ]
