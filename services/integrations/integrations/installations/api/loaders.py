"""The loaders of one request for installations."""

from __future__ import annotations

from uuid import UUID

from strawberry.dataloader import DataLoader

from chassis.api.context import Context
from integrations.core.api.scoped_loader import scoped_loader
from integrations.installations import store
from integrations.installations.store import InstallationRow, RevisionRow


class InstallationLoaders:
    """Installations by id, and the revisions of an installation."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.installation: DataLoader[UUID, InstallationRow | None] = scoped_loader(
            context, "Installation", store.by_ids
        )
        self.revisions: DataLoader[UUID, list[RevisionRow]] = DataLoader(self._load_revisions)

    async def _load_revisions(self, ids: list[UUID]) -> list[list[RevisionRow]]:
        revisions = await self._context.read(store.revisions, ids)
        return [revisions.get(id, []) for id in ids]
