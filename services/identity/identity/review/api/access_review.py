"""Access reviews: who still needs what they were given, decided by their departments, with sign-off."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated
from uuid import UUID

import strawberry

from chassis.api.context import Context, Info
from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect
from chassis.api.rights import right
from chassis.errors import BadInput
from identity.core.api.ids import maybe_uuid, uuid
from identity.core.domain.ids import AccessReviewId, DepartmentId, UserId
from identity.core.store import policy as policies
from identity.ledger.store import right_use
from identity.people.api.types import User, user_of
from identity.people.api.user import UserIdArgument
from identity.policy.api.changeset import Changeset, changeset_of
from identity.review import domain, store
from identity.review.commands import access_review as commands
from identity.review.commands.access_review import OBJECT, Reach
from identity.review.domain import Given, Progress, ReviewDecision, ReviewKind, ReviewStatus
from identity.review.store import ItemRow, ReviewRow

strawberry.enum(
    ReviewStatus,
    name="AccessReviewStatus",
    description="OPEN: reviewers decide. CLOSED: what was revoked is taken away. DISCARDED: given "
    "up, nothing was done.",
)
strawberry.enum(
    ReviewDecision,
    name="AccessReviewDecision",
    description="KEEP: it stays. REVOKE: it is taken away when the review is closed.",
)
strawberry.enum(
    ReviewKind,
    name="AccessReviewKind",
    description="ROLE: given by hand. DIRECTORY_ROLE: conferred by a group of a directory, where it "
    "is taken away. RULE: a rule that names the user.",
)

Days = Annotated[
    int, strawberry.argument(description="How many days back uses are looked at, 1 to 366.")
]


@strawberry.type(description="One right of one person, and what they did with it.")
class RightUse:
    object: str = strawberry.field(description="What it is about.")
    action: str = strawberry.field(description="What may be done to it.")
    rows: str = strawberry.field(description="Which rows it reaches.")
    redaction: str = strawberry.field(description="How open a value is.")
    through: str = strawberry.field(
        description="The roles that lead to it; `user`: a rule that names them."
    )
    uses: int = strawberry.field(description="In how many requests it was used.")
    last_used: date | None = strawberry.field(description="On which day last (UTC); null: never.")


@strawberry.type(description="What one person was given, held against what they use.")
class AccessGiven:
    kind: ReviewKind = strawberry.field(description="What kind of thing it is.")
    what: str = strawberry.field(description="The role, or what the rule says.")
    granted: int = strawberry.field(description="How many rights it gives.")
    used: int = strawberry.field(description="How many of them were used in the period.")
    only_here: int = strawberry.field(
        description="How many rights they would lose without it: nothing else gives them."
    )
    only_here_used: int = strawberry.field(
        description="How many of those were used. 0: nothing would have been missed."
    )
    last_used: date | None = strawberry.field(description="When any of its rights was used last.")
    user_id: strawberry.Private[UserId]

    @strawberry.field(description="Who has it.", metadata=right("User"))
    async def user(self, info: Info) -> User | None:
        return await user_of(info, self.user_id)

    @classmethod
    def given(cls, one: Given) -> AccessGiven:
        return cls(
            kind=one.kind,
            what=one.what,
            granted=one.granted,
            used=one.used,
            only_here=one.only_here,
            only_here_used=one.only_here_used,
            last_used=one.last_used,
            user_id=UserId(one.user),
        )


@strawberry.type(description="One thing one person was given, and what becomes of it.")
class AccessReviewItem(AccessGiven):
    id: strawberry.ID = strawberry.field(description="The item's id.")
    decision: ReviewDecision | None = strawberry.field(description="Null: not decided yet.")
    note: str = strawberry.field(description="What the reviewer said.")
    decided_at: datetime | None = strawberry.field(description="When that was.")
    outcome: str | None = strawberry.field(
        description="After closing: KEPT, REMOVED, IN_CHANGESET (waits for the review of rules), "
        "IN_DIRECTORY (take it away there), GONE (was taken away meanwhile)."
    )
    reviewer_id: strawberry.Private[UserId | None]

    @strawberry.field(
        description="Who decides; null: nobody yet, see reassignAccessReview.",
        metadata=right("User"),
    )
    async def reviewer(self, info: Info) -> User | None:
        return await user_of(info, self.reviewer_id)

    @classmethod
    def of(cls, row: ItemRow) -> AccessReviewItem:
        return cls(
            id=strawberry.ID(str(row.id)),
            kind=row.kind,
            what=row.what,
            granted=row.granted,
            used=row.used,
            only_here=row.only_here,
            only_here_used=row.only_here_used,
            last_used=row.last_used,
            user_id=row.user,
            decision=row.decision,
            note=row.note,
            decided_at=row.decided_at,
            outcome=row.outcome,
            reviewer_id=row.reviewer,
        )


@strawberry.type(description="How far the decisions are.")
class AccessReviewProgress:
    items: int = strawberry.field(description="How many things are looked at.")
    kept: int = strawberry.field(description="How many stay.")
    revoked: int = strawberry.field(description="How many are taken away.")
    open: int = strawberry.field(description="How many wait for a decision.")

    @classmethod
    def of(cls, found: Progress) -> AccessReviewProgress:
        return cls(items=found.items, kept=found.kept, revoked=found.revoked, open=found.open)


@strawberry.type(description="A reviewer's word that all their items are decided.")
class AccessReviewSignOff:
    at: datetime = strawberry.field(description="When they gave it.")
    reviewer_id: strawberry.Private[UserId]

    @strawberry.field(description="Who.", metadata=right("User"))
    async def reviewer(self, info: Info) -> User | None:
        return await user_of(info, self.reviewer_id)


@strawberry.type(description="A review of who still needs what they were given.")
class AccessReview:
    id: strawberry.ID = strawberry.field(description="The review's id.")
    title: str = strawberry.field(description="What it is called.")
    days: int = strawberry.field(description="How many days of use it looks at.")
    due_at: datetime = strawberry.field(description="Until when reviewers decide.")
    status: ReviewStatus = strawberry.field(description="How far it is.")
    created_at: datetime = strawberry.field(description="When it began.")
    closed_at: datetime | None = strawberry.field(description="When it ended.")
    version: int = strawberry.field(description="Grows with every change; give it back on writes.")
    row: strawberry.Private[ReviewRow]

    @strawberry.field(description="How far all decisions are; for reviewers, their own.")
    async def progress(self, info: Info) -> AccessReviewProgress:
        me = onlooker(info.context)
        return AccessReviewProgress.of(await info.context.read(store.progress, me, self.row.id))

    @strawberry.field(description="How far your own decisions are.")
    async def my_progress(self, info: Info) -> AccessReviewProgress:
        me = info.context.actor.user_id
        return AccessReviewProgress.of(await info.context.read(store.progress, me, self.row.id))

    @strawberry.field(
        description="What is looked at: everything for those who read access reviews, else what "
        "you review."
    )
    async def items(
        self,
        info: Info,
        undecided: Annotated[
            bool | None, strawberry.argument(description="true: only those that wait.")
        ] = None,
        unused: Annotated[
            bool | None,
            strawberry.argument(description="true: only those nobody would have missed."),
        ] = None,
        mine: Annotated[
            bool, strawberry.argument(description="true: only those you review.")
        ] = False,
        user_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="Only those of this user.")
        ] = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[AccessReviewItem]:
        ctx = info.context
        found = await ctx.read(
            store.items,
            ctx.actor.user_id if mine else onlooker(ctx),
            self.row.id,
            Window(first, after),
            undecided=undecided,
            unused=unused,
            user=maybe_uuid(user_id, "userId"),
        )
        answer: Connection[AccessReviewItem] = connect(found, AccessReviewItem.of)
        return answer

    @strawberry.field(description="Who signed off.", metadata=right(OBJECT))
    async def signed_off(self, info: Info) -> list[AccessReviewSignOff]:
        found = await info.context.read(store.signed, self.row.id)
        return [AccessReviewSignOff(reviewer_id=who, at=at) for who, at in found.items()]

    @strawberry.field(description="Reviewers who have not signed off.", metadata=right(OBJECT))
    async def waiting_for(self, info: Info) -> list[User]:
        found = await info.context.read(store.unsigned, self.row.id)
        users = [await user_of(info, id) for id in found]
        return [user for user in users if user]

    @strawberry.field(description="The changeset of the revoked rules.", metadata=right("Rule"))
    async def changeset(self, info: Info) -> Changeset | None:
        return await changeset_of(info, self.row.changeset)

    @strawberry.field(
        description="The closing report as CSV: every item, who decided what, what became of it. "
        "Its SHA-256 is in the ledger.",
        metadata=right(OBJECT),
    )
    def report(self) -> str | None:
        return self.row.report

    @classmethod
    def of(cls, row: ReviewRow) -> AccessReview:
        return cls(
            id=strawberry.ID(str(row.id)),
            title=row.title,
            days=row.days,
            due_at=row.due_at,
            status=row.status,
            created_at=row.created_at,
            closed_at=row.closed_at,
            version=row.version,
            row=row,
        )


def onlooker(ctx: Context) -> UUID | None:
    """`None` for who sees all of a review, else the reviewer who sees their part."""
    return None if ctx.may(OBJECT) else ctx.actor.user_id


@strawberry.input(description="Whose rights are looked at; every condition given must hold.")
class AccessReviewReach:
    user_ids: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Only these users, at most 500."
    )
    department_id: strawberry.ID | None = strawberry.field(
        default=None, description="Only users of this department and those below it."
    )
    roles: list[str] | None = strawberry.field(
        default=None, description="Only users with one of these roles."
    )

    def reach(self) -> Reach:
        ids = self.user_ids or []
        if len(ids) > 500:
            raise BadInput(
                f"userIds has {len(ids)} ids; at most 500 are allowed.",
                f"userIds 有 {len(ids)} 个编号，最多 500 个。",
                field="userIds",
            )
        department = maybe_uuid(self.department_id, "departmentId")
        return Reach(
            tuple(uuid(one, f"userIds.{index}") for index, one in enumerate(ids)),
            DepartmentId(department) if department else None,
            tuple(self.roles or ()),
        )


ReachArgument = Annotated[
    AccessReviewReach | None, strawberry.argument(description="Left out: everybody.")
]


def refuse_days(days: int) -> int:
    if not 1 <= days <= 366:
        raise BadInput("days must be 1 to 366.", "days 必须在 1 到 366 之间。", field="days")
    return days


def moment(given: datetime) -> datetime:
    """A moment without a zone is UTC."""
    return given.replace(tzinfo=given.tzinfo or UTC)


@strawberry.type
class AccessReviewQuery:
    @strawberry.field(
        description="Every right of a user, the unused ones first: through which roles they have it "
        "and how often they used it.",
        metadata=right(OBJECT),
    )
    async def rights_of(
        self, info: Info, user_id: UserIdArgument, days: Days = 90
    ) -> list[RightUse]:
        ctx, user = info.context, uuid(user_id, "userId")
        uses = await ctx.read(right_use.since, [user], refuse_days(days))
        snapshot = await ctx.read(policies.snapshot)
        return [
            RightUse(
                object=one.object,
                action=one.action,
                rows=one.rows,
                redaction=one.redaction,
                through=one.through,
                uses=one.use.count if one.use else 0,
                last_used=one.use.last if one.use else None,
            )
            for one in domain.rights_of(snapshot, user, uses.get(user, {}))
        ]

    @strawberry.field(
        description="What users were given and do not use, the most superfluous first; at most 500. "
        "Nothing is written.",
        metadata=right(OBJECT),
    )
    async def unused_access(
        self, info: Info, reach: ReachArgument = None, days: Days = 90
    ) -> list[AccessGiven]:
        asked = reach.reach() if reach else Reach()
        found = await info.context.read(commands.preview, asked, refuse_days(days))
        return [AccessGiven.given(one) for one in found if one.unused][:500]

    @strawberry.field(
        description="Access reviews, the newest first: all for those who read them, else those in "
        "which you review something."
    )
    async def access_reviews(
        self,
        info: Info,
        status: Annotated[
            ReviewStatus | None, strawberry.argument(description="Only those that are here.")
        ] = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[AccessReview]:
        me = onlooker(info.context)
        found = await info.context.read(store.listed, me, status, Window(first, after))
        answer: Connection[AccessReview] = connect(found, AccessReview.of)
        return answer

    @strawberry.field(description="One access review; null where you have no part in it.")
    async def access_review(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The review's id.")],
    ) -> AccessReview | None:
        wanted = AccessReviewId(uuid(id, "id"))
        found = await info.context.read(store.by_id, onlooker(info.context), wanted)
        return AccessReview.of(found) if found else None
