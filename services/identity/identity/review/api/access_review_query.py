"""Queries of access reviews and of unused rights."""

from __future__ import annotations

from typing import Annotated

import strawberry

from chassis.api.context import Info
from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect
from chassis.api.rights import right
from chassis.errors import BadInput
from identity.core.api.ids import maybe_uuid, uuid
from identity.core.domain.ids import AccessReviewId, DepartmentId
from identity.core.store import policy as policies
from identity.ledger.store import right_use
from identity.people.api.user import UserIdArgument
from identity.review import domain, store
from identity.review.api.access_review import AccessGiven, AccessReview, RightUse, reviewer_filter
from identity.review.commands import access_review_begin as commands
from identity.review.commands.access_review import OBJECT
from identity.review.commands.access_review_begin import Reach
from identity.review.domain import ReviewStatus

Days = Annotated[int, strawberry.argument(description="The period of use in days, 1 to 366.")]


@strawberry.input(description="The users whose rights are reviewed; all conditions must hold.")
class AccessReviewReach:
    """The users whose rights are reviewed; all conditions must hold."""

    user_ids: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Filter by users, at most 500."
    )
    department_id: strawberry.ID | None = strawberry.field(
        default=None, description="Filter by a department and those below it."
    )
    roles: list[str] | None = strawberry.field(
        default=None, description="Filter by roles, of which the user has one."
    )

    def reach(self) -> Reach:
        """Return the selection with checked ids. Raises `BadInput`."""
        ids = self.user_ids or []
        if len(ids) > 500:
            raise BadInput(
                f"userIds has {len(ids)} ids; at most 500 are allowed.",
                f"userIds 有 {len(ids)} 个编号，最多 500 个。",
                field="userIds",
            )
        department = maybe_uuid(self.department_id, "departmentId")
        return Reach(
            tuple(uuid(id, f"userIds.{index}") for index, id in enumerate(ids)),
            DepartmentId(department) if department else None,
            tuple(self.roles or ()),
        )


ReachArgument = Annotated[
    AccessReviewReach | None, strawberry.argument(description="The users to review; left out: all.")
]


def checked_days(days: int) -> int:
    """Return the days. Raises `BadInput` outside 1 to 366."""
    if not 1 <= days <= 366:
        raise BadInput(
            f"days is {days}; it must be between 1 and 366.",
            f"days 为 {days}，必须在 1 到 366 之间。",
            field="days",
        )
    return days


@strawberry.type
class AccessReviewQuery:
    """Queries of access reviews."""

    @strawberry.field(
        description="Every right of a user, the unused ones first, with the roles it comes through "
        "and how often it was used.",
        metadata=right(OBJECT),
    )
    async def rights_of(
        self, info: Info, user_id: UserIdArgument, days: Days = 90
    ) -> list[RightUse]:
        """Return every right of a user, the unused ones first."""
        ctx, user = info.context, uuid(user_id, "userId")
        uses = await ctx.read(right_use.since, [user], checked_days(days))
        snapshot = await ctx.read(policies.snapshot)
        return [
            RightUse(
                object=right.object,
                action=right.action,
                rows=right.rows,
                redaction=right.redaction,
                through=right.through,
                uses=right.use.count if right.use else 0,
                last_used=right.use.last if right.use else None,
            )
            for right in domain.rights_of(snapshot, user, uses.get(user, {}))
        ]

    @strawberry.field(
        description="Grants that users do not use, the most superfluous first; at most 500. It "
        "begins no review.",
        metadata=right(OBJECT),
    )
    async def unused_access(
        self, info: Info, reach: ReachArgument = None, days: Days = 90
    ) -> list[AccessGiven]:
        """Return grants that users do not use, the most superfluous first; at most 500."""
        selection = reach.reach() if reach else Reach()
        grants = await info.context.read(commands.preview, selection, checked_days(days))
        return [AccessGiven.of_grant(grant) for grant in grants if grant.unused][:500]

    @strawberry.field(
        description="Access reviews, the newest first: all for callers who may read them, else "
        "those in which you review items."
    )
    async def access_reviews(
        self,
        info: Info,
        status: Annotated[
            ReviewStatus | None, strawberry.argument(description="Filter by state.")
        ] = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[AccessReview]:
        """Return one page of the access reviews that the caller may see."""
        me = reviewer_filter(info.context)
        rows = await info.context.read(store.listed, me, status, Window(first, after))
        answer: Connection[AccessReview] = connect(rows, AccessReview.of)
        return answer

    @strawberry.field(description="One access review; null for a caller who may not see it.")
    async def access_review(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The review's id.")],
    ) -> AccessReview | None:
        """Return one access review; null for a caller who may not see it."""
        review_id = AccessReviewId(uuid(id, "id"))
        row = await info.context.read(store.by_id, reviewer_filter(info.context), review_id)
        return AccessReview.of(row) if row else None
