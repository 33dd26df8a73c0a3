"""GraphQL API of the audit ledger."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from chassis.api.context import Info
from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect
from chassis.api.rights import right
from chassis.api.visibility import Visibility
from chassis.policy.masks import Protected
from chassis.policy.row_scopes import RowAccess
from identity.core.api.ids import maybe_uuid
from identity.core.domain.ids import UserId
from identity.core.domain.text import optional, required
from identity.ledger.domain.audit_event import (
    AuditEvent as Event,
    Filter,
    changes_of,
    filter_details,
)
from identity.ledger.store import audit_event as store
from identity.people.api.types import User, user_of

# A row without an owner or a department that exists, and not in the pool either: only rules on all
# rows reach it.
_UNOWNED_ROW = RowAccess(UUID(int=0), UUID(int=0))
FieldRedactor = Callable[[str, str | None], Protected]


@strawberry.type(
    description="The change of one field; personal data was masked when it was written."
)
class AuditChange:
    """The change of a field."""

    field: str = strawberry.field(description="The name of the changed field.")
    before: str | None = strawberry.field(description="The text before the change.")
    after: str | None = strawberry.field(description="The text after the change.")
    visibility: Visibility = strawberry.field(
        description="How much of the change is shown to the caller. Personal data was masked when "
        "it was written, and is hidden from callers who may not see the field at all."
    )


@strawberry.type(
    description="A recorded action of a user or of the system; it is written once and never "
    "changed."
)
class AuditEvent:
    """An audit event."""

    id: strawberry.ID = strawberry.field(description="The event's id.")
    at: datetime = strawberry.field(description="When the action took place.")
    service: str = strawberry.field(description="The service that recorded the event.")
    action: str = strawberry.field(description="The action: `update`, `merge`, `sign_in`, …")
    object: str = strawberry.field(description="The type of the object.")
    resource: str = strawberry.field(description="The id of the object.")
    changes: list[AuditChange] = strawberry.field(description="The changed fields.")
    purpose: str | None = strawberry.field(description="The stated purpose, if any.")
    decision: str = strawberry.field(description="The decision of the policy: `allow` or `deny`.")
    policy_version: int | None = strawberry.field(description="The policy version that decided.")
    trace_id: str | None = strawberry.field(description="The trace id of the request.")
    session_id: strawberry.ID | None = strawberry.field(description="The session of the action.")
    actor_id: strawberry.ID | None = strawberry.field(
        description="The id of the user who acted; null: no user was signed in, or the system "
        "acted."
    )

    clear_coordinates: list[str] = strawberry.field(
        description="The sensitive fields that were shown in clear, such as `Contact.mobile`."
    )
    masked_coordinates: list[str] = strawberry.field(
        description="The sensitive fields that were shown masked only."
    )
    row_count: int | None = strawberry.field(
        description="How many rows were returned; null: the action did not return rows."
    )
    row_ids: list[strawberry.ID] = strawberry.field(
        description="The ids of the returned rows: the first 200, those shown in clear before the "
        "others."
    )
    operation: str | None = strawberry.field(
        description="The name of the GraphQL operation, as the client named it."
    )
    address: str | None = strawberry.field(description="The network address of the request.")

    on_behalf_of_id: strawberry.ID | None = strawberry.field(
        description="The user on whose behalf the actor acted, where only a delegation permitted "
        "the action."
    )
    standing_in_for_ids: list[strawberry.ID] = strawberry.field(
        description="The users whose delegate the actor was at that moment, whether or not it "
        "mattered."
    )

    @strawberry.field(description="The user who acted.", metadata=right("User"))
    async def actor(self, info: Info) -> User | None:
        """Return the user who acted."""
        actor_uuid = maybe_uuid(self.actor_id, "actorId")
        return await user_of(info, UserId(actor_uuid) if actor_uuid else None)

    @classmethod
    def of(cls, event: Event, redact: FieldRedactor) -> AuditEvent:
        """Build the GraphQL type from an event."""
        details = event.details
        return cls(
            id=strawberry.ID(str(event.id)),
            at=event.at,
            service=event.service,
            action=event.action,
            object=event.object,
            resource=event.resource,
            changes=_changes(event, redact),
            clear_coordinates=_texts(details.get("clear")),
            masked_coordinates=_texts(details.get("masked")),
            row_count=rows if isinstance(rows := details.get("rows"), int) else None,
            row_ids=[strawberry.ID(id) for id in _texts(details.get("ids"))],
            operation=_text_or_none(details.get("operation")),
            address=_text_or_none(details.get("address")),
            on_behalf_of_id=strawberry.ID(represented_id)
            if (represented_id := _text_or_none(details.get("on_behalf_of")))
            else None,
            standing_in_for_ids=[
                strawberry.ID(id) for id in _texts(details.get("standing_in_for"))
            ],
            purpose=event.purpose,
            decision=event.decision,
            policy_version=event.policy_version,
            trace_id=event.trace_id,
            session_id=strawberry.ID(str(event.session)) if event.session else None,
            actor_id=strawberry.ID(str(event.actor)) if event.actor else None,
        )


@strawberry.input(description="Filter of a list of events; fields left out do not restrict it.")
class AuditEventFilter:
    """Filter of a list of events."""

    actor_id: strawberry.ID | None = strawberry.field(
        default=None, description="Filter by the user who acted."
    )
    service: str | None = strawberry.field(default=None, description="Filter by service.")
    actions: list[str] | None = strawberry.field(
        default=None, description="Filter by action; any of these."
    )
    object: str | None = strawberry.field(default=None, description="Filter by type of object.")
    resource: str | None = strawberry.field(
        default=None,
        description="Filter by object id: actions on the object, and reads that showed it.",
    )
    coordinate: str | None = strawberry.field(
        default=None,
        description="Filter for reads that showed this field in clear, such as `Contact.mobile`.",
    )
    purpose: str | None = strawberry.field(
        default=None, description="Filter by purpose; a part of it is enough."
    )
    decision: str | None = strawberry.field(
        default=None, description="Filter by decision: `allow` or `deny`."
    )
    trace_id: str | None = strawberry.field(default=None, description="Filter by trace id.")
    since: datetime | None = strawberry.field(
        default=None, description="Filter for events at or after this moment."
    )
    until: datetime | None = strawberry.field(
        default=None, description="Filter for events before this moment."
    )

    def to_filter(self) -> Filter:
        """Return the input as a filter. Raises `BadInput`."""
        actor, actions = maybe_uuid(self.actor_id, "filter.actorId"), self.actions or ()
        return Filter(
            actor=UserId(actor) if actor else None,
            service=_filter_text(self.service, "service"),
            actions=tuple(
                required(action, field="filter.actions", longest=100) for action in actions
            ),
            object=_filter_text(self.object, "object"),
            resource=_filter_text(self.resource, "resource"),
            coordinate=_filter_text(self.coordinate, "coordinate"),
            purpose=_filter_text(self.purpose, "purpose"),
            decision=_filter_text(self.decision, "decision"),
            trace_id=_filter_text(self.trace_id, "traceId"),
            since=self.since,
            until=self.until,
        )


def _filter_text(value: str | None, field: str) -> str | None:
    return optional(value, field=f"filter.{field}", longest=200) or None


@strawberry.type
class AuditEventQuery:
    """Queries of the audit ledger."""

    @strawberry.field(
        description="The audit ledger, the newest events first. Reading it is recorded too.",
        metadata=right("AuditEvent"),
    )
    async def audit_events(
        self,
        info: Info,
        filter: Annotated[
            AuditEventFilter | None,
            strawberry.argument(description="The filter; null: all events."),
        ] = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[AuditEvent]:
        """Return a page of events and record that they were read."""
        event_filter = filter.to_filter() if filter else Filter()
        scope = info.context.scope("AuditEvent")
        page = await info.context.read(store.list_events, scope, event_filter, Window(first, after))
        info.context.record_audit(
            "read", "AuditEvent", filter=filter_details(event_filter), rows=len(page.rows)
        )
        redact = field_redactor(info)
        connection: Connection[AuditEvent] = connect(
            page, lambda event: AuditEvent.of(event, redact)
        )
        return connection


def field_redactor(info: Info) -> FieldRedactor:
    """Return how a guarded field is shown to the caller.

    The row that the value came from is not known any more, so only rules on all rows apply.
    """
    context = info.context
    # Not `context.scope`: showing what was masked when it was written is no read of the value.
    scope = context.permissions.allow(context.actor, "AuditEvent", "read")

    def redact(coordinate: str, text: str | None) -> Protected:
        protected = scope.redactor(coordinate)(_UNOWNED_ROW, text)
        if protected.visibility is Visibility.HIDDEN:
            return protected
        return Protected(protected.text, Visibility.MASKED)

    return redact


def _changes(event: Event, redact: FieldRedactor) -> list[AuditChange]:
    protected = event.details.get("protected")
    guards = protected if isinstance(protected, dict) else {}
    changes = []
    for field, before, after in changes_of(event.changes):
        guard = guards.get(field)
        before_value, after_value = (
            Protected(before, Visibility.CLEAR),
            Protected(after, Visibility.CLEAR),
        )
        if guard:
            before_value, after_value = redact(guard, before), redact(guard, after)
        changes.append(
            AuditChange(
                field=field,
                before=before_value.text,
                after=after_value.text,
                visibility=after_value.visibility,
            )
        )
    return changes


def _texts(value: object) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None
