"""The loaders of follow-ups."""

from __future__ import annotations

from datetime import datetime

from strawberry.dataloader import DataLoader

from activities.core.api.loading import scoped_loader
from activities.core.domain.ids import CustomerId, FollowUpId
from activities.follow_ups import store
from activities.follow_ups.store import FollowUpRow
from chassis.api.context import Context


class FollowUpLoaders:
    """The loaders of one request; every batch opens its own session."""

    def __init__(self, context: Context) -> None:
        self.follow_up: DataLoader[FollowUpId, FollowUpRow | None] = scoped_loader(
            context, "FollowUp", store.by_ids
        )
        self.last_contacted: DataLoader[CustomerId, datetime | None] = scoped_loader(
            context, "FollowUp", store.last_contacted
        )
