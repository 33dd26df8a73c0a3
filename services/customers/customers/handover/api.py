"""What becomes of the customers of somebody who leaves or changes their job."""

from __future__ import annotations

from datetime import datetime

import strawberry

from chassis.api.context import Info
from chassis.api.rights import right
from customers.core.api.ids import uuid
from customers.handover import store
from customers.handover.store import HandoverRow


@strawberry.type(description="How far the handover of somebody's customers is.")
class CustomerHandover:
    total: int = strawberry.field(
        description="How many there were, with those that were merged into others."
    )
    done: int = strawberry.field(description="How many have gone to others.")
    to_pool: int = strawberry.field(description="How many of those have gone into the pool.")
    started_at: datetime = strawberry.field(description="When it began.")
    finished_at: datetime | None = strawberry.field(
        description="When nothing was left; null: it goes on."
    )

    @classmethod
    def of(cls, row: HandoverRow) -> CustomerHandover:
        return cls(
            total=row.total,
            done=row.done,
            to_pool=row.to_pool,
            started_at=row.created_at,
            finished_at=row.finished_at,
        )


@strawberry.federation.type(
    keys=["userId"],
    description="Somebody who leaves or changes their job, with what ends and what goes to others.",
)
class OffBoarding:
    user_id: strawberry.ID = strawberry.field(description="Who, by their id.")

    @strawberry.field(
        description="How many customers they own now; only the number, whoever asks.",
        metadata=right("User", "off_board"),
    )
    async def owned_customers(self, info: Info) -> int:
        return await info.context.read(store.owned, uuid(self.user_id, "userId"))

    @strawberry.field(
        description="How far the last handover of their customers is; null: there was none.",
        metadata=right("User", "off_board"),
    )
    async def customer_handover(self, info: Info) -> CustomerHandover | None:
        user = uuid(self.user_id, "userId")
        found = (await info.context.read(store.latest, [user])).get(user)
        return CustomerHandover.of(found) if found else None

    @classmethod
    def resolve_reference(cls, info: Info, user_id: strawberry.ID) -> OffBoarding | None:
        return cls(user_id=user_id) if info.context.may("User", "off_board") else None
