"""How the handover of open tasks goes, of a user who leaves or changes their job."""

from __future__ import annotations

from datetime import datetime

import strawberry

from activities.core.api.ids import uuid
from activities.core.domain.ids import UserId
from activities.handover import store
from activities.handover.store import HandoverRow
from chassis.api.context import Info
from chassis.api.rights import right


@strawberry.type(description="The progress of handing over a user's open tasks.")
class TaskHandover:
    """The progress of one handover."""

    total: int = strawberry.field(description="The number of open tasks at the beginning.")
    done: int = strawberry.field(
        description="The number of tasks that have been handed over so far."
    )
    started_at: datetime = strawberry.field(description="When the handover began.")
    finished_at: datetime | None = strawberry.field(
        description="When no task was left to hand over; null while it is under way."
    )

    @classmethod
    def of(cls, row: HandoverRow) -> TaskHandover:
        """Return the GraphQL object of a row."""
        return cls(
            total=row.total,
            done=row.done,
            started_at=row.created_at,
            finished_at=row.finished_at,
        )


@strawberry.federation.type(
    keys=["userId"],
    description="A user who leaves or changes their job, with what they lose and what is handed "
    "over to others.",
)
class OffBoarding:
    """The tasks' part of an off-boarding, which identity owns."""

    user_id: strawberry.ID = strawberry.field(description="The user's id.")

    @strawberry.field(
        description="The number of the user's open tasks, including tasks you may not see.",
        metadata=right("User", "off_board"),
    )
    async def open_tasks(self, info: Info) -> int:
        """Return how many open tasks the user has."""
        return await info.context.read(store.open_tasks, UserId(uuid(self.user_id, "userId")))

    @strawberry.field(
        description="The progress of the latest handover of the user's open tasks; null if there "
        "was none.",
        metadata=right("User", "off_board"),
    )
    async def task_handover(self, info: Info) -> TaskHandover | None:
        """Return the progress of the user's latest handover."""
        user = UserId(uuid(self.user_id, "userId"))
        row = (await info.context.read(store.latest, [user])).get(user)
        return TaskHandover.of(row) if row else None

    @classmethod
    def resolve_reference(cls, info: Info, user_id: strawberry.ID) -> OffBoarding | None:
        """Return the off-boarding of a user, or `None` for a caller without the right to it."""
        return cls(user_id=user_id) if info.context.may("User", "off_board") else None
