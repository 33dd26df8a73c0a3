"""The mutation by which integrations delivers outside records; not in the gateway's schema."""

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


@strawberry.federation.input(
    inaccessible=True, description="The outside system that records come from."
)
class SourceInput:
    """The source of a batch."""

    system: str = strawberry.field(
        description="The name of the system, as survivorship rules call it."
    )
    installation_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="The connector installation, within which external ids are unique.",
    )
    priority: int | None = strawberry.field(
        default=None,
        description="The priority among systems that no survivorship rule names; the smaller one "
        "wins.",
    )


@strawberry.federation.input(
    inaccessible=True, description="A contact, as the outside system has it."
)
class ContactRecordInput:
    """A contact of an outside record."""

    external_id: str | None = strawberry.field(
        default=None,
        description="The system's id of the contact; left out: identified by mobile, e-mail "
        "address or name.",
    )
    name: str | None = strawberry.field(
        default=None, description="The person's name.", directives=[NAME]
    )
    title: str | None = strawberry.field(default=None, description="The person's job title.")
    mobile: str | None = strawberry.field(
        default=None, description="The person's telephone number.", directives=[MOBILE]
    )
    email: str | None = strawberry.field(
        default=None, description="The person's e-mail address.", directives=[EMAIL]
    )


@strawberry.federation.input(
    inaccessible=True, description="A record of a customer, as the outside system has it."
)
class SourceRecordInput:
    """A record of an outside system."""

    external_id: str = strawberry.field(
        description="The system's id of the record, 1 to 300 characters."
    )
    kind: CustomerKind = strawberry.field(
        description="Whether the customer is an organisation or a person."
    )
    observed_at: datetime = strawberry.field(
        description="The moment whose state the record shows; a record older than the last one "
        "that was absorbed changes nothing."
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
        default=False,
        description="Whether the system has deleted the record: all its claims are withdrawn.",
    )
    complete: bool = strawberry.field(
        default=True,
        description="Whether the record is complete. true: fields, contacts and tags that are "
        "missing are withdrawn; false: they stay as they were.",
    )
    contacts: list[ContactRecordInput] = strawberry.field(
        default_factory=list, description="The contacts at the customer, at most 100."
    )
    tags: list[str] = strawberry.field(
        default_factory=list, description="Names of tags, at most 50."
    )

    def resolved(self, path: str) -> SourceRecord:
        """Return the record as a value. Raises `BadInput` under the path of the record."""
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
                ContactRecord(
                    contact.external_id or "",
                    contact.name,
                    contact.title,
                    contact.mobile,
                    contact.email,
                )
                for contact in self.contacts
            ],
            tags=self.tags,
        )


@strawberry.federation.type(inaccessible=True, description="The outcome of one record.")
class AbsorbOutcome:
    """The outcome of one record."""

    external_id: str = strawberry.field(description="The system's id of the record.")
    outcome: AbsorbResult = strawberry.field(description="The outcome of the record.")
    customer_id: strawberry.ID | None = strawberry.field(
        description="The customer the record belongs to; null when it was rejected, and on a dry "
        "run for a new customer."
    )
    changed_fields: list[str] = strawberry.field(
        description="The fields that show another value; also `contacts` and `tags`."
    )
    errors: list[UserError] = strawberry.field(description="The problems of a rejected record.")
    candidates: list[strawberry.ID] = strawberry.field(
        description="The customers that an ambiguous record may belong to."
    )

    @classmethod
    def of(cls, outcome: Outcome, locale: str, *, dry_run: bool) -> AbsorbOutcome:
        """Build an outcome in the caller's language."""
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


@strawberry.federation.type(
    inaccessible=True, description="The outcomes of a batch, or why it was refused."
)
class AbsorbPayload:
    """The result of absorbing a batch."""

    outcomes: list[AbsorbOutcome] = strawberry.field(
        default_factory=list, description="The outcome of each record, in their order."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list,
        description="Why the whole batch was refused and nothing was written; empty on success.",
    )


@strawberry.type
class AbsorbMutation:
    """The mutation that absorbs a batch."""

    @strawberry.federation.mutation(
        inaccessible=True,
        description="Absorb a batch of records: match them to customers, record their claims and "
        "elect golden records. Idempotent.",
        metadata=right("Customer", "absorb"),
    )
    @answers(AbsorbPayload)
    async def absorb(
        self,
        info: Info,
        source: Annotated[
            SourceInput, strawberry.argument(description="The system that the records come from.")
        ],
        records: Annotated[
            list[SourceRecordInput],
            strawberry.argument(description=f"The records, at most {MAX_RECORDS}."),
        ],
        dry_run: Annotated[
            bool,
            strawberry.argument(description="true: return the outcomes and write nothing."),
        ] = False,
    ) -> AbsorbPayload:
        """Absorb a batch of records, or preview it."""
        ctx = info.context
        scope = ctx.scope("Customer", "absorb")
        system = Source(source.system.strip(), str(source.installation_id or ""), source.priority)
        batch = [record.resolved(f"records.{index}") for index, record in enumerate(records)]
        if dry_run:
            outcomes = await ctx.read(absorb, scope, system, batch, dry_run=True)
        else:
            outcomes = await write_with_retry(ctx, absorb, scope, system, batch)
        return AbsorbPayload(
            outcomes=[
                AbsorbOutcome.of(outcome, ctx.locale, dry_run=dry_run) for outcome in outcomes
            ]
        )
