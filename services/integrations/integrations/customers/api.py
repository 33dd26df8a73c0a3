"""The sync state of a customer: how current its data is, source by source.

The field is nullable: when this service is down, the rest of the customer is still shown.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import strawberry
from strawberry.dataloader import DataLoader

from chassis.api.context import Context, Info
from chassis.api.rights import right
from integrations.core.api.ids import uuid
from integrations.core.api.scoped_loader import scoped_loader
from integrations.customers import store
from integrations.customers.domain import SourceState, SyncStatus, last_synced, overall_status

strawberry.enum(
    SyncStatus,
    description="NEVER: no source has a record of this customer. SYNCED: every source is read on "
    "schedule. PAUSED: one of its sources is paused. FAILING: the last run of a source failed, or "
    "records of it are dead letters.",
)


class SyncStateLoaders:
    """The loader of one request for the sync states of customers."""

    def __init__(self, context: Context) -> None:
        self.states: DataLoader[UUID, list[SourceState]] = scoped_loader(
            context, "Customer", store.of_customers
        )


@strawberry.type(description="The sync state of a customer at one of its sources.")
class InstallationSyncState:
    """One installation's contribution to a customer."""

    installation_id: strawberry.ID = strawberry.field(description="The installation's id.")
    name: str = strawberry.field(description="The installation's display name.")
    system: str = strawberry.field(description="The name claims use for the source.")
    status: SyncStatus = strawberry.field(description="The sync status at this source.")
    records: int = strawberry.field(
        description="Number of source records of this installation that belong to the customer."
    )
    last_changed_at: datetime = strawberry.field(
        description="When a changed record of the customer last arrived from this source."
    )
    last_synced_at: datetime | None = strawberry.field(
        description="When the source was last read completely."
    )
    pending_dead_letters: int = strawberry.field(
        description="Number of open dead letters of this customer at this source."
    )

    @classmethod
    def of(cls, state: SourceState) -> InstallationSyncState:
        """Return the GraphQL object of a state."""
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


@strawberry.type(description="How current the data of a customer is, over all its sources.")
class CustomerSyncState:
    """The summary over the sources of one customer."""

    status: SyncStatus = strawberry.field(description="The worst status of its sources.")
    last_synced_at: datetime | None = strawberry.field(
        description="When any of its sources was last read completely."
    )
    pending_dead_letters: int = strawberry.field(
        description="Number of open dead letters of this customer."
    )
    installations: list[InstallationSyncState] = strawberry.field(
        description="The state at each source that has a record of this customer."
    )

    @classmethod
    def of(cls, states: list[SourceState]) -> CustomerSyncState:
        """Return the summary of the states of one customer."""
        return cls(
            status=overall_status(states),
            last_synced_at=last_synced(states),
            pending_dead_letters=sum(state.pending_dead_letters for state in states),
            installations=[InstallationSyncState.of(state) for state in states],
        )


@strawberry.type
class CustomerSyncStateField:
    """The field this capability adds to `Customer`."""

    id: strawberry.Private[strawberry.ID]

    @strawberry.field(
        description="How current the customer's data is, source by source.",
        metadata=right("Customer"),
    )
    async def sync_state(self, info: Info) -> CustomerSyncState | None:
        """Load the states of the customer's sources."""
        states = await info.context.loaders_of(SyncStateLoaders).states.load(uuid(self.id, "id"))
        return CustomerSyncState.of(states)
