"""The door for integrations: a batch of records from an outside system. Not in the gateway's schema."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import strawberry
from strawberry.scalars import JSON

from chassis.api.context import Info
from chassis.api.problems import UserError, answers, user_error
from chassis.api.rights import right
from chassis.errors import BadInput
from customers.core.api.arguments import write_with_retry
from customers.core.api.enums import AbsorbResult, CustomerKind
from customers.core.api.ids import uuid
from customers.pool.api.protected import ANY_FIELD, EMAIL, MOBILE, NAME
from customers.pool.commands.absorb import MAX_RECORDS, absorb
from customers.pool.domain.outcome import Ambiguous, Outcome, Rejected, Unchanged
from customers.pool.domain.record import ContactRecord, Source, SourceRecord


@strawberry.federation.input(inaccessible=True, description="Which outside system speaks.")
class SourceInput:
    system: str = strawberry.field(description="Its name, as survivorship rules call it.")
    installation_id: strawberry.ID | None = strawberry.field(
        default=None, description="The set-up connector; external ids are unique within it."
    )
    priority: int | None = strawberry.field(
        default=None,
        description="Among systems that no survivorship rule names, the smaller one wins.",
    )


@strawberry.federation.input(inaccessible=True, description="A person, as the system has them.")
class ContactRecordInput:
    external_id: str | None = strawberry.field(
        default=None, description="The system's id; left out: told apart by mobile, e-mail or name."
    )
    name: str | None = strawberry.field(default=None, description="Their name.", directives=[NAME])
    title: str | None = strawberry.field(default=None, description="What they do there.")
    mobile: str | None = strawberry.field(
        default=None, description="Their number.", directives=[MOBILE]
    )
    email: str | None = strawberry.field(
        default=None, description="Their e-mail address.", directives=[EMAIL]
    )


@strawberry.federation.input(inaccessible=True, description="A record, as the system has it.")
class SourceRecordInput:
    external_id: str = strawberry.field(description="The system's id, 1 to 300 characters.")
    kind: CustomerKind = strawberry.field(description="What it is.")
    observed_at: datetime = strawberry.field(
        description="As of when; what is older than the last word changes nothing."
    )
    fields: JSON = strawberry.field(
        description="Values by field name, in snake_case or as Customer calls them; null and blank "
        "withdraw a value.",
        directives=[ANY_FIELD],
    )
    id: strawberry.ID | None = strawberry.field(
        default=None, description="The id of the source record in integrations."
    )
    deleted: bool = strawberry.field(
        default=False, description="The system no longer has it: all it said is withdrawn."
    )
    complete: bool = strawberry.field(
        default=True,
        description="true: fields, contacts and tags that are missing are withdrawn; false: they "
        "stay as they were.",
    )
    contacts: list[ContactRecordInput] = strawberry.field(
        default_factory=list, description="People there, at most 100."
    )
    tags: list[str] = strawberry.field(default_factory=list, description="Words, at most 50.")

    def resolved(self, path: str) -> SourceRecord:
        if not isinstance(self.fields, dict):
            raise BadInput(
                "fields must be a JSON object.", "fields 必须是 JSON 对象。", field=f"{path}.fields"
            )
        return SourceRecord(
            external_id=self.external_id,
            kind=self.kind.name,
            observed_at=self.observed_at.replace(tzinfo=self.observed_at.tzinfo or UTC),
            fields=self.fields,
            id=uuid(self.id, f"{path}.id") if self.id else None,
            deleted=self.deleted,
            complete=self.complete,
            contacts=[
                ContactRecord(c.external_id or "", c.name, c.title, c.mobile, c.email)
                for c in self.contacts
            ],
            tags=self.tags,
        )


@strawberry.federation.type(inaccessible=True, description="What became of one record.")
class AbsorbOutcome:
    external_id: str = strawberry.field(description="The system's id.")
    outcome: AbsorbResult = strawberry.field(description="What became of it.")
    customer_id: strawberry.ID | None = strawberry.field(
        description="The customer it belongs to; null when rejected, and on a dry run when new."
    )
    changed_fields: list[str] = strawberry.field(
        description="Fields whose shown value became another; also `contacts` and `tags`."
    )
    errors: list[UserError] = strawberry.field(description="All that is wrong with it.")
    candidates: list[strawberry.ID] = strawberry.field(
        description="Customers it may be, when ambiguous."
    )

    @classmethod
    def of(cls, outcome: Outcome, locale: str, *, dry_run: bool) -> AbsorbOutcome:
        customer_id = None if isinstance(outcome, Rejected) else outcome.customer_id
        if dry_run and outcome.kind in ("CREATED", "AMBIGUOUS"):
            customer_id = None
        changed = () if isinstance(outcome, Rejected | Unchanged) else outcome.changed
        candidates = outcome.candidates if isinstance(outcome, Ambiguous) else ()
        problems = outcome.errors if isinstance(outcome, Rejected) else ()
        return cls(
            external_id=outcome.external_id,
            outcome=AbsorbResult(outcome.kind),
            customer_id=strawberry.ID(str(customer_id)) if customer_id else None,
            changed_fields=list(changed),
            errors=[user_error(problem, locale) for problem in problems],
            candidates=[strawberry.ID(str(id)) for id in candidates],
        )


@strawberry.federation.type(inaccessible=True, description="What became of a batch.")
class AbsorbPayload:
    outcomes: list[AbsorbOutcome] = strawberry.field(
        default_factory=list, description="One a record, in their order."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why the whole batch was refused; nothing was written."
    )


@strawberry.type
class AbsorbMutation:
    @strawberry.federation.mutation(
        inaccessible=True,
        description="Takes a batch in: matches, claims, elects. Twice is the same as once.",
        metadata=right("Customer", "absorb"),
    )
    @answers(AbsorbPayload)
    async def absorb(
        self,
        info: Info,
        source: Annotated[SourceInput, strawberry.argument(description="Who speaks.")],
        records: Annotated[
            list[SourceRecordInput],
            strawberry.argument(description=f"At most {MAX_RECORDS} records."),
        ],
        dry_run: Annotated[
            bool, strawberry.argument(description="true: only say what would become of each.")
        ] = False,
    ) -> AbsorbPayload:
        ctx = info.context
        scope = ctx.scope("Customer", "absorb")
        speaker = Source(source.system.strip(), str(source.installation_id or ""), source.priority)
        said = [record.resolved(f"records.{at}") for at, record in enumerate(records)]
        if dry_run:
            found = await ctx.read(absorb, scope, speaker, said, dry_run=True)
        else:
            found = await write_with_retry(ctx, absorb, scope, speaker, said)
        return AbsorbPayload(
            outcomes=[AbsorbOutcome.of(one, ctx.locale, dry_run=dry_run) for one in found]
        )
