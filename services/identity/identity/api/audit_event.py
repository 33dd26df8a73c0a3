"""The audit ledger, for those who read it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry

from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect
from chassis.api.rights import right
from identity.api.ids import maybe_uuid
from identity.api.loaders import IdentityInfo
from identity.api.user import User, user_of
from identity.domain.audit_event import AuditEvent as Event, Filter, changes_of
from identity.domain.ids import UserId
from identity.domain.text import optional, required
from identity.store import audit_event as store


@strawberry.type(description="What became of one field; personal data was masked by its writer.")
class AuditChange:
    field: str = strawberry.field(description="The field that changed.")
    before: str | None = strawberry.field(description="Its text before.")
    after: str | None = strawberry.field(description="Its text after.")


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

    @strawberry.field(description="Who did it.", metadata=right("User"))
    async def actor(self, info: IdentityInfo) -> User | None:
        found = maybe_uuid(self.actor_id, "actorId")
        return await user_of(info, UserId(found) if found else None)

    @classmethod
    def of(cls, event: Event) -> AuditEvent:
        return cls(
            id=strawberry.ID(str(event.id)),
            at=event.at,
            service=event.service,
            action=event.action,
            object=event.object,
            resource=event.resource,
            changes=[
                AuditChange(field=field, before=before, after=after)
                for field, before, after in changes_of(event.changes)
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
    resource: str | None = strawberry.field(default=None, description="To the thing of this id.")
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
        description="The audit ledger, the newest events first.", metadata=right("AuditEvent")
    )
    async def audit_events(
        self,
        info: IdentityInfo,
        filter: Annotated[
            AuditEventFilter | None, strawberry.argument(description="Which events; null: all.")
        ] = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[AuditEvent]:
        wanted = filter.wanted() if filter else Filter()
        scope = info.context.scope("AuditEvent")
        found = await info.context.read(store.listed, scope, wanted, Window(first, after))
        return connect(found, AuditEvent.of)  # type: ignore[no-any-return]  # the one asked for
