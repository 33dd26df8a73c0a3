"""What becomes of the open tasks of somebody who leaves or changes their job."""

from __future__ import annotations

from datetime import datetime

import strawberry

from activities.core.api.ids import uuid
from activities.core.domain.ids import UserId
from activities.handover import store
from activities.handover.store import HandoverRow
from activities.timeline.api import ActivitiesInfo
from chassis.api.rights import right


@strawberry.type(description="How far the handover of somebody's open tasks is.")
class TaskHandover:
    total: int = strawberry.field(description="How many open tasks there were.")
    done: int = strawberry.field(description="How many have gone to others.")
    started_at: datetime = strawberry.field(description="When it began.")
    finished_at: datetime | None = strawberry.field(
        description="When nothing was left; null: it goes on."
    )

    @classmethod
    def of(cls, row: HandoverRow) -> TaskHandover:
        return cls(
            total=row.total,
            done=row.done,
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
        description="How many open tasks they have now; only the number, whoever asks.",
        metadata=right("User", "off_board"),
    )
    async def open_tasks(self, info: ActivitiesInfo) -> int:
        return await info.context.read(store.open_tasks, UserId(uuid(self.user_id, "userId")))

    @strawberry.field(
        description="How far the last handover of their open tasks is; null: there was none.",
        metadata=right("User", "off_board"),
    )
    async def task_handover(self, info: ActivitiesInfo) -> TaskHandover | None:
        user = UserId(uuid(self.user_id, "userId"))
        found = (await info.context.read(store.latest, [user])).get(user)
        return TaskHandover.of(found) if found else None

    @classmethod
    def resolve_reference(cls, info: ActivitiesInfo, user_id: strawberry.ID) -> OffBoarding | None:
        return cls(user_id=user_id) if info.context.may("User", "off_board") else None
