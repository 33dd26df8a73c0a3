"""Source records: a record as an outside system has it, and its link to a customer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry

from chassis.api.context import Info
from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect
from chassis.api.rights import right
from chassis.api.visibility import Visibility
from integrations.access.api import Customer
from integrations.core.api import payload
from integrations.core.api.ids import uuid
from integrations.core.api.types import PAYLOAD, ProtectedJson, Reason, stored_reason
from integrations.installations.api.installation import Installation
from integrations.installations.api.loaders import InstallationLoaders
from integrations.records.api.loaders import CustomerRecordsKey, RecordLoaders
from integrations.records.domain import Outcome, source_record_associated_data
from integrations.records.store.source_record import SourceRecordRow
from integrations.specs.domain.source_record import Kind

strawberry.enum(
    Outcome,
    name="RecordOutcome",
    description="CREATED: the record became a new customer. UPDATED: it changed its customer. "
    "UNCHANGED: it held nothing new. MATCHED: it was linked to a customer from another source. "
    "AMBIGUOUS: it fits several customers and a person must decide. REJECTED: the customer pool "
    "refused it.",
)
strawberry.enum(Kind, name="RecordKind", description="What a record describes.")


@strawberry.federation.type(
    keys=["id"], description="A record as the outside system has it, stored as received."
)
class SourceRecord:
    """A source record in the scope of the caller."""

    id: strawberry.ID = strawberry.field(description="The record's id in this service.")
    system: str = strawberry.field(description="The outside system, as claims name it.")
    stream: str = strawberry.field(description="The stream of the source the record belongs to.")
    external_id: str = strawberry.field(description="The record's id in the outside system.")
    kind: Kind = strawberry.field(description="What the record describes.")
    outcome: Outcome = strawberry.field(description="The outcome of its last delivery.")
    deleted: bool = strawberry.field(description="Whether the source has deleted the record.")
    observed_at: datetime = strawberry.field(description="When the source last changed it.")
    first_seen_at: datetime = strawberry.field(description="When the record first arrived.")
    received_at: datetime = strawberry.field(
        description="When the record last arrived with changes."
    )
    attempts: int = strawberry.field(
        description="Number of deliveries since the record was last accepted."
    )
    trace_id: str | None = strawberry.field(
        description="The trace id of the run that delivered the record."
    )
    _row: strawberry.Private[SourceRecordRow]

    @strawberry.field(
        description="The installation the record came from.", metadata=right("Installation")
    )
    async def installation(self, info: Info) -> Installation | None:
        """Load the installation."""
        loaders = info.context.loaders_of(InstallationLoaders)
        row = await loaders.installation.load(self._row.installation_id)
        return Installation.of(row) if row else None

    @strawberry.field(description="The customer the record is linked to.")
    def customer(self) -> Customer | None:
        """Return a reference to the linked customer."""
        id = self._row.customer_id
        return Customer(id=strawberry.ID(str(id))) if id else None

    @strawberry.field(
        description="The address of the trace in the tracing system; null where none is set up."
    )
    def trace_url(self, info: Info) -> str | None:
        """Fill the trace id into the configured template."""
        template = info.context.runtime.settings.trace_url
        trace_id = self._row.trace_id
        return template.replace("{trace_id}", trace_id) if template and trace_id else None

    @strawberry.field(description="The reason for which the customer pool refused the record.")
    def reason(self, info: Info) -> Reason | None:
        """Return the stored refusal in the language of the request."""
        row = self._row
        if row.error_code is None:
            return None
        return stored_reason(info.context.locale, row.error_code, row.error_en, row.error_zh)

    @strawberry.field(
        description="The whole record as the outside system sent it; needs the right to "
        "SourceRecord.payload.",
        directives=[PAYLOAD],
    )
    async def payload(self, info: Info) -> ProtectedJson:
        """Open the sealed payload as far as the caller may see it."""
        row = self._row
        visibility = self._payload_visibility(info)
        if visibility is Visibility.HIDDEN:
            return payload.hidden_payload()
        sealed = await info.context.loaders_of(RecordLoaders).source_record_payload.load(row.id)
        audited_row = ("SourceRecord", row.customer_id or row.id)
        associated_data = source_record_associated_data(row.id)
        return payload.open_payload(info, visibility, sealed, associated_data, audited_row)

    @strawberry.field(
        description="Equal for equal records: the SHA-256 of the record as received, or, for "
        "callers who may not see the payload in clear, a keyed hash that cannot be found by trying "
        "values.",
        directives=[PAYLOAD],
    )
    def payload_hash(self, info: Info) -> str:
        """Return the hash of the payload in the form the caller may see."""
        hash = self._row.payload_hash
        if self._payload_visibility(info) is Visibility.CLEAR:
            return hash.hex()
        return payload.keyed_hash(info, hash)

    def _payload_visibility(self, info: Info) -> Visibility:
        return payload.payload_visibility(info.context.scope("SourceRecord"), self._row.access)

    @classmethod
    async def resolve_reference(cls, info: Info, id: strawberry.ID) -> SourceRecord | None:
        """Return the record of a federation reference, or `None` outside the caller's scope."""
        if not info.context.may("SourceRecord"):
            return None
        row = await info.context.loaders_of(RecordLoaders).source_record.load(uuid(id, "id"))
        return cls.of(row) if row else None

    @classmethod
    def of(cls, row: SourceRecordRow) -> SourceRecord:
        """Return the GraphQL object of a row."""
        return cls(
            id=strawberry.ID(str(row.id)),
            system=row.system,
            stream=row.stream,
            external_id=row.external_id,
            kind=Kind(row.kind),
            outcome=Outcome(row.outcome),
            deleted=row.deleted,
            observed_at=row.observed_at,
            first_seen_at=row.first_seen_at,
            received_at=row.received_at,
            attempts=row.attempts,
            trace_id=row.trace_id,
            _row=row,
        )


@strawberry.type
class CustomerSourceRecords:
    """The field this capability adds to `Customer`."""

    id: strawberry.Private[strawberry.ID]

    @strawberry.field(
        description="The source records linked to this customer, newest first.",
        metadata=right("SourceRecord"),
    )
    async def source_records(
        self, info: Info, first: First = DEFAULT_FIRST, after: After = None
    ) -> Connection[SourceRecord] | None:
        """Load one page of the customer's records."""
        key = CustomerRecordsKey(uuid(self.id, "id"), Window(first, after))
        page = await info.context.loaders_of(RecordLoaders).records_of_customer.load(key)
        connection: Connection[SourceRecord] = connect(page, SourceRecord.of)
        return connection


@strawberry.type
class SourceRecordQuery:
    """Queries for source records."""

    @strawberry.field(description="One source record.", metadata=right("SourceRecord"))
    async def source_record(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The record's id.")],
    ) -> SourceRecord | None:
        """Load one source record."""
        return await SourceRecord.resolve_reference(info, id)
