"""What integrations adds to a customer: its source records, and how current it is.

Both may be missing: when this service is away, the rest of the customer is still shown.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect
from chassis.api.rights import right
from integrations.core.api.ids import uuid
from integrations.core.api.words import IntegrationsInfo
from integrations.customers.domain import SourceState, SyncStatus, last_synced, overall

if TYPE_CHECKING:
    from integrations.records.api.source_record import SourceRecord

LazySourceRecord = Annotated[
    "SourceRecord", strawberry.lazy("integrations.records.api.source_record")
]


@strawberry.type(description="One source's share in a customer.")
class InstallationSyncState:
    installation_id: strawberry.ID = strawberry.field(description="Which installation.")
    name: str = strawberry.field(description="What people call it.")
    system: str = strawberry.field(description="What claims call the source.")
    status: SyncStatus = strawberry.field(description="How it goes with this source.")
    records: int = strawberry.field(description="How many records of it are this customer.")
    last_changed_at: datetime = strawberry.field(description="When it last had news.")
    last_synced_at: datetime | None = strawberry.field(
        description="When the source was last read to its end."
    )
    pending_dead_letters: int = strawberry.field(
        description="Records of this customer that were left aside."
    )

    @classmethod
    def of(cls, state: SourceState) -> InstallationSyncState:
        return cls(
            installation_id=strawberry.ID(str(state.installation_id)),
            name=state.name,
            system=state.system,
            status=state.status,
            records=state.records,
            last_changed_at=state.last_changed_at,
            last_synced_at=state.last_synced_at,
            pending_dead_letters=state.pending_dead_letters,
        )


@strawberry.type(description="How current what the pool knows of a customer is.")
class CustomerSyncState:
    status: SyncStatus = strawberry.field(description="The worst of its sources.")
    last_synced_at: datetime | None = strawberry.field(
        description="When any of its sources was last read to its end."
    )
    pending_dead_letters: int = strawberry.field(
        description="Records of this customer that were left aside."
    )
    installations: list[InstallationSyncState] = strawberry.field(
        description="Each source that knows this customer."
    )

    @classmethod
    def of(cls, states: list[SourceState]) -> CustomerSyncState:
        return cls(
            status=overall(states),
            last_synced_at=last_synced(states),
            pending_dead_letters=sum(state.pending_dead_letters for state in states),
            installations=[InstallationSyncState.of(state) for state in states],
        )


@strawberry.federation.type(keys=["id"], description="A customer, as far as integrations go.")
class Customer:
    id: strawberry.ID = strawberry.field(description="The customer's id.")

    @strawberry.field(
        description="How current it is, source by source.", metadata=right("Customer")
    )
    async def sync_state(self, info: IntegrationsInfo) -> CustomerSyncState | None:
        found = await info.context.loaders.states.load(uuid(self.id, "id"))
        return CustomerSyncState.of(found)

    @strawberry.field(
        description="The records of outside systems that are this customer, the newest first.",
        metadata=right("SourceRecord"),
    )
    async def source_records(
        self, info: IntegrationsInfo, first: First = DEFAULT_FIRST, after: After = None
    ) -> Connection[LazySourceRecord] | None:
        from integrations.core.api.loaders import RecordsKey
        from integrations.records.api.source_record import SourceRecord

        key = RecordsKey(uuid(self.id, "id"), Window(first, after))
        found = await info.context.loaders.records_of_customers.load(key)
        answer: Connection[SourceRecord] = connect(found, SourceRecord.of)
        return answer

    @classmethod
    def resolve_reference(cls, id: strawberry.ID) -> Customer:
        uuid(id, "id")
        return cls(id=id)
