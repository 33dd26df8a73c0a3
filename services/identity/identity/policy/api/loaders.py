"""Rows of changesets, batched per request."""

from __future__ import annotations

from strawberry.dataloader import DataLoader

from chassis.api.context import Context
from identity.core.domain.ids import ChangesetId
from identity.policy.store import changeset
from identity.policy.store.changeset import ChangesetRow


class PolicyLoaders:
    """The loaders of one request; each batch is one query within the caller's scope."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.changeset: DataLoader[ChangesetId, ChangesetRow | None] = DataLoader(self._changesets)

    async def _changesets(self, ids: list[ChangesetId]) -> list[ChangesetRow | None]:
        return await self._context.read(changeset.by_ids, self._context.scope("Rule"), ids)
