"""Source records: what an outside system says, and which customer it became part of."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from chassis.api.rights import right
from chassis.api.visibility import Visibility
from integrations.core.api import payload
from integrations.core.api.ids import uuid
from integrations.core.api.words import PAYLOAD, IntegrationsInfo, ProtectedJson, Reason, told
from integrations.records.store.source_record import SourceRecordRow
from integrations.specs.domain.source_record import Kind
from integrations.sync.api.sync_run import LazyInstallation, SyncRun
from integrations.sync.domain import Outcome
from integrations.sync.services.place import record_place

if TYPE_CHECKING:
    from integrations.customers.api import Customer

LazyCustomer = Annotated["Customer", strawberry.lazy("integrations.customers.api")]


@strawberry.federation.type(
    keys=["id"], description="A record as an outside system has it, kept as it came."
)
class SourceRecord:
    id: strawberry.ID = strawberry.field(description="The record's id with us.")
    system: str = strawberry.field(description="The outside system, as claims name it.")
    stream: str = strawberry.field(description="Which of its lists the record is in.")
    external_id: str = strawberry.field(description="The id the outside system uses.")
    kind: Kind = strawberry.field(description="What it describes.")
    outcome: Outcome = strawberry.field(description="What became of it at its last delivery.")
    deleted: bool = strawberry.field(description="Whether the source has given it up.")
    observed_at: datetime = strawberry.field(description="When the source last changed it.")
    first_seen_at: datetime = strawberry.field(description="When it came for the first time.")
    received_at: datetime = strawberry.field(description="When it last came with news.")
    attempts: int = strawberry.field(description="Deliveries since it was last accepted.")
    trace_id: str | None = strawberry.field(description="The trace of the run that brought it.")
    _row: strawberry.Private[SourceRecordRow]

    @strawberry.field(description="The source it came from.", metadata=right("Installation"))
    async def installation(self, info: IntegrationsInfo) -> LazyInstallation | None:
        from integrations.installations.api.installation import Installation

        found = await info.context.loaders.installations.load(self._row.installation_id)
        return Installation.of(found) if found else None

    @strawberry.field(description="The run that brought it last.", metadata=right("SyncRun"))
    async def run(self, info: IntegrationsInfo) -> SyncRun | None:
        found = await info.context.loaders.runs.load(self._row.run_id)
        return SyncRun.of(found) if found else None

    @strawberry.field(description="The customer it became part of.")
    def customer(self) -> LazyCustomer | None:
        from integrations.customers.api import Customer

        found = self._row.customer_id
        return Customer(id=strawberry.ID(str(found))) if found else None

    @strawberry.field(description="Where to look at the trace, if anywhere.")
    def trace_url(self, info: IntegrationsInfo) -> str | None:
        template = info.context.runtime.settings.trace_url
        found = self._row.trace_id
        return template.replace("{trace_id}", found) if template and found else None

    @strawberry.field(description="Why the customer pool refused it.")
    def reason(self, info: IntegrationsInfo) -> Reason | None:
        row = self._row
        if row.error_code is None:
            return None
        return told((row.error_code, row.error_en, row.error_zh, None, None), info.context.locale)

    @strawberry.field(
        description="All the outside system says, as it said it; needs a right of its own.",
        directives=[PAYLOAD],
    )
    async def payload(self, info: IntegrationsInfo) -> ProtectedJson:
        row = self._row
        seen = self._seen(info)
        if seen is Visibility.HIDDEN:
            return payload.hidden()
        sealed = await info.context.loaders.payloads.load(row.id)
        told = ("SourceRecord", row.customer_id or row.id)
        return payload.opened(info, seen, sealed, record_place(row.id), told)

    @strawberry.field(
        description="The same for equal records: the SHA-256 of the record as it came, or, for whoever "
        "may not see the payload in clear, one that is keyed, so that nobody finds it by trying.",
        directives=[PAYLOAD],
    )
    def payload_hash(self, info: IntegrationsInfo) -> str:
        hash = self._row.payload_hash
        if self._seen(info) is Visibility.CLEAR:
            return hash.hex()
        return payload.keyed(info, hash)

    def _seen(self, info: IntegrationsInfo) -> Visibility:
        return payload.visibility_of(info.context.scope("SourceRecord"), self._row.access)

    @classmethod
    async def resolve_reference(
        cls, info: IntegrationsInfo, id: strawberry.ID
    ) -> SourceRecord | None:
        if not info.context.may("SourceRecord"):
            return None
        found = await info.context.loaders.records.load(uuid(id, "id"))
        return cls.of(found) if found else None

    @classmethod
    def of(cls, row: SourceRecordRow) -> SourceRecord:
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
class SourceRecordQuery:
    @strawberry.field(description="One source record.", metadata=right("SourceRecord"))
    async def source_record(
        self,
        info: IntegrationsInfo,
        id: Annotated[strawberry.ID, strawberry.argument(description="The record's id.")],
    ) -> SourceRecord | None:
        return await SourceRecord.resolve_reference(info, id)
