"""The audit ledger, for those who read it."""

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
from identity.ledger.domain.audit_event import AuditEvent as Event, Filter, asked, changes_of
from identity.ledger.store import audit_event as store
from identity.people.api.types import User, user_of

# A row in nobody's hands and in no department, and not in the pool either: only rules on all rows
# reach it.
_NOBODYS = RowAccess(UUID(int=0), UUID(int=0))
Show = Callable[[str, str | None], Protected]


@strawberry.type(description="What became of one field; personal data was masked by its writer.")
class AuditChange:
    field: str = strawberry.field(description="The field that changed.")
    before: str | None = strawberry.field(description="Its text before.")
    after: str | None = strawberry.field(description="Its text after.")
    visibility: Visibility = strawberry.field(
        description="How much of it is shown to you. What is about people was masked when it was "
        "written, and is hidden from whoever may not see the field at all."
    )


@strawberry.type(description="Who did what to which thing; written once, never changed.")
class AuditEvent:
    id: strawberry.ID = strawberry.field(description="The event's id.")
    at: datetime = strawberry.field(description="When it was done.")
    service: str = strawberry.field(description="The service that did it.")
    action: str = strawberry.field(description="What was done: `update`, `merge`, `sign_in`, …")
    object: str = strawberry.field(description="To what kind of thing.")
    resource: str = strawberry.field(description="The id of the thing.")
    changes: list[AuditChange] = strawberry.field(description="What changed, field by field.")
    purpose: str | None = strawberry.field(description="What for, if it was said.")
    decision: str = strawberry.field(description="What the policy said: `allow` or `deny`.")
    policy_version: int | None = strawberry.field(description="The policy version that decided.")
    trace_id: str | None = strawberry.field(description="The trace of the request it was part of.")
    session_id: strawberry.ID | None = strawberry.field(description="The session it was done in.")
    actor_id: strawberry.ID | None = strawberry.field(
        description="The id of who did it; null: nobody was signed in, or the system did."
    )

    clear_coordinates: list[str] = strawberry.field(
        description="Sensitive fields that came out in clear: `Contact.mobile`, …"
    )
    masked_coordinates: list[str] = strawberry.field(
        description="Sensitive fields that came out masked only."
    )
    row_count: int | None = strawberry.field(
        description="How many rows came out; null: it was not about rows."
    )
    row_ids: list[strawberry.ID] = strawberry.field(
        description="Which rows those were: the first 200, those shown in clear before the others."
    )
    operation: str | None = strawberry.field(
        description="The name of the GraphQL operation, as the client called it."
    )
    address: str | None = strawberry.field(description="The network address it came from.")

    on_behalf_of_id: strawberry.ID | None = strawberry.field(
        description="Whose work it was, where the actor could do it only by standing in for them."
    )
    standing_in_for_ids: list[strawberry.ID] = strawberry.field(
        description="For whom the actor stood in just then, whether or not it mattered."
    )

    @strawberry.field(description="Who did it.", metadata=right("User"))
    async def actor(self, info: Info) -> User | None:
        found = maybe_uuid(self.actor_id, "actorId")
        return await user_of(info, UserId(found) if found else None)

    @classmethod
    def of(cls, event: Event, show: Show) -> AuditEvent:
        details = event.details
        return cls(
            id=strawberry.ID(str(event.id)),
            at=event.at,
            service=event.service,
            action=event.action,
            object=event.object,
            resource=event.resource,
            changes=_changes(event, show),
            clear_coordinates=_texts(details.get("clear")),
            masked_coordinates=_texts(details.get("masked")),
            row_count=rows if isinstance(rows := details.get("rows"), int) else None,
            row_ids=[strawberry.ID(id) for id in _texts(details.get("ids"))],
            operation=_one(details.get("operation")),
            address=_one(details.get("address")),
            on_behalf_of_id=strawberry.ID(giver)
            if (giver := _one(details.get("on_behalf_of")))
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


@strawberry.input(description="Which events a list is about; what is left out does not matter.")
class AuditEventFilter:
    actor_id: strawberry.ID | None = strawberry.field(default=None, description="Who did it.")
    service: str | None = strawberry.field(default=None, description="Where it was done.")
    actions: list[str] | None = strawberry.field(
        default=None, description="What was done; any of these."
    )
    object: str | None = strawberry.field(default=None, description="To what kind of thing.")
    resource: str | None = strawberry.field(
        default=None, description="To the thing of this id, or a read that showed it."
    )
    coordinate: str | None = strawberry.field(
        default=None, description="Reads that showed this field in clear: `Contact.mobile`."
    )
    purpose: str | None = strawberry.field(
        default=None, description="Said to be for this; part of it is enough."
    )
    decision: str | None = strawberry.field(default=None, description="`allow` or `deny`.")
    trace_id: str | None = strawberry.field(default=None, description="In this trace.")
    since: datetime | None = strawberry.field(default=None, description="From this moment on.")
    until: datetime | None = strawberry.field(default=None, description="Before this moment.")

    def wanted(self) -> Filter:
        actor, actions = maybe_uuid(self.actor_id, "filter.actorId"), self.actions or ()
        return Filter(
            actor=UserId(actor) if actor else None,
            service=_text(self.service, "service"),
            actions=tuple(required(one, field="filter.actions", longest=100) for one in actions),
            object=_text(self.object, "object"),
            resource=_text(self.resource, "resource"),
            coordinate=_text(self.coordinate, "coordinate"),
            purpose=_text(self.purpose, "purpose"),
            decision=_text(self.decision, "decision"),
            trace_id=_text(self.trace_id, "traceId"),
            since=self.since,
            until=self.until,
        )


def _text(value: str | None, field: str) -> str | None:
    return optional(value, field=f"filter.{field}", longest=200) or None


@strawberry.type
class AuditEventQuery:
    @strawberry.field(
        description="The audit ledger, the newest events first. That you read it is in it too.",
        metadata=right("AuditEvent"),
    )
    async def audit_events(
        self,
        info: Info,
        filter: Annotated[
            AuditEventFilter | None, strawberry.argument(description="Which events; null: all.")
        ] = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[AuditEvent]:
        wanted = filter.wanted() if filter else Filter()
        scope = info.context.scope("AuditEvent")
        found = await info.context.read(store.listed, scope, wanted, Window(first, after))
        info.context.tell("read", "AuditEvent", filter=asked(wanted), rows=len(found.rows))
        show = shows(info)
        answer: Connection[AuditEvent] = connect(found, lambda event: AuditEvent.of(event, show))
        return answer


def shows(info: Info) -> Show:
    """How a guarded field of some row, nobody knows whose any more, is shown to this reader."""
    context = info.context
    # Not `context.scope`: what was masked when it was written is not a read of the value.
    scope = context.permissions.allow(context.actor, "AuditEvent", "read")

    def show(coordinate: str, text: str | None) -> Protected:
        seen = scope.redactor(coordinate)(_NOBODYS, text)
        if seen.visibility is Visibility.HIDDEN:
            return seen
        return Protected(seen.text, Visibility.MASKED)

    return show


def _changes(event: Event, show: Show) -> list[AuditChange]:
    protected = event.details.get("protected")
    guards = protected if isinstance(protected, dict) else {}
    found = []
    for field, before, after in changes_of(event.changes):
        guard = guards.get(field)
        was, now = Protected(before, Visibility.CLEAR), Protected(after, Visibility.CLEAR)
        if guard:
            was, now = show(guard, before), show(guard, after)
        found.append(
            AuditChange(field=field, before=was.text, after=now.text, visibility=now.visibility)
        )
    return found


def _texts(value: object) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _one(value: object) -> str | None:
    return value if isinstance(value, str) else None
