"""The loaders of one request for sync runs."""

from __future__ import annotations

from uuid import UUID

from strawberry.dataloader import DataLoader

from chassis.api.context import Context
from integrations.core.api.scoped_loader import scoped_loader
from integrations.sync import store
from integrations.sync.store import SyncRunRow


class SyncRunLoaders:
    """Runs by id, and the newest run of an installation."""

    def __init__(self, context: Context) -> None:
        self.run: DataLoader[UUID, SyncRunRow | None] = scoped_loader(
            context, "SyncRun", store.by_ids
        )
        self.latest_run: DataLoader[UUID, SyncRunRow | None] = scoped_loader(
            context, "SyncRun", store.latest
        )
