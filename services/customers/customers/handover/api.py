"""The handover of customers of a user who leaves or changes their job, as a part of OffBoarding."""

from __future__ import annotations

from datetime import datetime

import strawberry

from chassis.api.context import Info
from chassis.api.rights import right
from customers.core.api.ids import uuid
from customers.handover import store
from customers.handover.store import HandoverRow


@strawberry.type(description="The progress of the handover of a user's customers.")
class CustomerHandover:
    """The progress of a handover."""

    total: int = strawberry.field(
        description="The number of customers to hand over, including those that were merged into "
        "others."
    )
    done: int = strawberry.field(description="The number of customers handed over so far.")
    to_pool: int = strawberry.field(
        description="The number of those that went into the pool, without an owner."
    )
    started_at: datetime = strawberry.field(description="When the handover began.")
    finished_at: datetime | None = strawberry.field(
        description="When all customers were handed over; null: it is in progress."
    )

    @classmethod
    def of(cls, row: HandoverRow) -> CustomerHandover:
        """Build the progress from the row of a handover."""
        return cls(
            total=row.total,
            done=row.done,
            to_pool=row.to_pool,
            started_at=row.created_at,
            finished_at=row.finished_at,
        )


@strawberry.federation.type(
    keys=["userId"],
    description="The off-boarding of a user who leaves or changes their job: what ends, and what "
    "is handed over.",
)
class OffBoarding:
    """The part of an off-boarding that concerns customers."""

    user_id: strawberry.ID = strawberry.field(description="The id of the user.")

    @strawberry.field(
        description="The number of customers that the user owns now, whatever the caller may see "
        "of them.",
        metadata=right("User", "off_board"),
    )
    async def owned_customers(self, info: Info) -> int:
        """Count the customers that the user owns."""
        return await info.context.read(store.owned, uuid(self.user_id, "userId"))

    @strawberry.field(
        description="The progress of the last handover of the user's customers; null: there was "
        "none.",
        metadata=right("User", "off_board"),
    )
    async def customer_handover(self, info: Info) -> CustomerHandover | None:
        """Return the progress of the user's last handover."""
        user = uuid(self.user_id, "userId")
        row = (await info.context.read(store.latest, [user])).get(user)
        return CustomerHandover.of(row) if row else None

    @classmethod
    def resolve_reference(cls, info: Info, user_id: strawberry.ID) -> OffBoarding | None:
        """Return the off-boarding of a user where the caller may off-board users."""
        return cls(user_id=user_id) if info.context.may("User", "off_board") else None
