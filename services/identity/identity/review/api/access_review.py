"""Access reviews of grants and their use: types and queries."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import strawberry

from chassis.api.context import Context, Info
from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect
from chassis.api.rights import right
from identity.core.api.ids import maybe_uuid
from identity.core.domain.ids import UserId
from identity.people.api.types import User, user_of
from identity.policy.api.changeset import Changeset, changeset_of
from identity.review import store
from identity.review.commands.access_review import OBJECT
from identity.review.domain import Grant, Progress, ReviewDecision, ReviewKind, ReviewStatus
from identity.review.store import ItemRow, ReviewRow

strawberry.enum(
    ReviewStatus,
    name="AccessReviewStatus",
    description="OPEN: reviewers decide. CLOSED: revoked grants were removed. DISCARDED: ended "
    "without any effect.",
)
strawberry.enum(
    ReviewDecision,
    name="AccessReviewDecision",
    description="KEEP: the grant stays. REVOKE: it is removed when the review is closed.",
)
strawberry.enum(
    ReviewKind,
    name="AccessReviewKind",
    description="ROLE: a role given directly. DIRECTORY_ROLE: a role of a directory group, to be "
    "removed in the directory. RULE: a rule about the user.",
)


@strawberry.type(description="One right of one user, and its use.")
class RightUse:
    """One right of one user, and its use."""

    object: str = strawberry.field(description="The object.")
    action: str = strawberry.field(description="The action.")
    rows: str = strawberry.field(description="The row scope.")
    redaction: str = strawberry.field(description="How a value is shown.")
    through: str = strawberry.field(
        description="The roles that it comes through; `user`: a rule about the user."
    )
    uses: int = strawberry.field(description="The number of requests that used it.")
    last_used: date | None = strawberry.field(
        description="The day of the last use (UTC); null: never."
    )


@strawberry.type(description="A grant of one user, with its use.")
class AccessGiven:
    """A grant of one user, with its use."""

    kind: ReviewKind = strawberry.field(description="The kind of grant.")
    what: str = strawberry.field(description="The role, or the content of the rule.")
    granted: int = strawberry.field(description="The number of rights it gives.")
    used: int = strawberry.field(description="How many of these rights were used in the period.")
    only_here: int = strawberry.field(
        description="How many rights the user would lose without it, since nothing else gives them."
    )
    only_here_used: int = strawberry.field(
        description="How many of those were used; 0: nothing would have been missed."
    )
    last_used: date | None = strawberry.field(
        description="The day of the last use of any of its rights (UTC); null: never."
    )
    user_id: strawberry.Private[UserId]

    @strawberry.field(description="The user who has it.", metadata=right("User"))
    async def user(self, info: Info) -> User | None:
        """Return the user who has it."""
        return await user_of(info, self.user_id)

    @classmethod
    def of_grant(cls, grant: Grant) -> AccessGiven:
        """Convert a grant to the GraphQL type."""
        return cls(
            kind=grant.kind,
            what=grant.name,
            granted=grant.granted,
            used=grant.used,
            only_here=grant.only_here,
            only_here_used=grant.only_here_used,
            last_used=grant.last_used,
            user_id=UserId(grant.user),
        )


@strawberry.type(description="A grant under review, and the decision about it.")
class AccessReviewItem(AccessGiven):
    """A grant under review, and the decision about it."""

    id: strawberry.ID = strawberry.field(description="The item's id.")
    decision: ReviewDecision | None = strawberry.field(
        description="The decision; null: not decided yet."
    )
    note: str = strawberry.field(description="The note of the reviewer.")
    decided_at: datetime | None = strawberry.field(description="When it was decided.")
    outcome: str | None = strawberry.field(
        description="The outcome of closing: KEPT, REMOVED, IN_CHANGESET (waits for the review of "
        "rules), IN_DIRECTORY (to be removed there), GONE (was removed before)."
    )
    reviewer_id: strawberry.Private[UserId | None]

    @strawberry.field(
        description="The reviewer; null: none yet, see `reassignAccessReview`.",
        metadata=right("User"),
    )
    async def reviewer(self, info: Info) -> User | None:
        """Return the reviewer; null: none yet, see `reassignAccessReview`."""
        return await user_of(info, self.reviewer_id)

    @classmethod
    def of(cls, row: ItemRow) -> AccessReviewItem:
        """Convert a row to the GraphQL type."""
        return cls(
            id=strawberry.ID(str(row.id)),
            kind=row.kind,
            what=row.name,
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


@strawberry.type(description="The progress of the decisions.")
class AccessReviewProgress:
    """The progress of the decisions."""

    items: int = strawberry.field(description="The number of items.")
    kept: int = strawberry.field(description="How many are to be kept.")
    revoked: int = strawberry.field(description="How many are to be revoked.")
    open: int = strawberry.field(description="How many are not decided.")

    @classmethod
    def of(cls, progress: Progress) -> AccessReviewProgress:
        """Convert counts to the GraphQL type."""
        return cls(
            items=progress.items,
            kept=progress.kept,
            revoked=progress.revoked,
            open=progress.open,
        )


@strawberry.type(description="The statement of a reviewer that all their items are decided.")
class AccessReviewSignOff:
    """The statement of a reviewer that all their items are decided."""

    at: datetime = strawberry.field(description="When the reviewer signed off.")
    reviewer_id: strawberry.Private[UserId]

    @strawberry.field(description="The reviewer.", metadata=right("User"))
    async def reviewer(self, info: Info) -> User | None:
        """Return the reviewer."""
        return await user_of(info, self.reviewer_id)


@strawberry.type(description="A review of grants that users may not need any more.")
class AccessReview:
    """A review of grants that users may not need any more."""

    id: strawberry.ID = strawberry.field(description="The review's id.")
    title: str = strawberry.field(description="The title.")
    days: int = strawberry.field(description="The period of use in days.")
    due_at: datetime = strawberry.field(description="The due date of decisions.")
    status: ReviewStatus = strawberry.field(description="The state.")
    created_at: datetime = strawberry.field(description="When it began.")
    closed_at: datetime | None = strawberry.field(description="When it was closed or discarded.")
    version: int = strawberry.field(
        description="The version, which grows with every change; send it as `expectedVersion`."
    )
    row: strawberry.Private[ReviewRow]

    @strawberry.field(description="The progress of all decisions; for reviewers, of their own.")
    async def progress(self, info: Info) -> AccessReviewProgress:
        """Return the progress of all decisions; for reviewers, of their own."""
        me = reviewer_filter(info.context)
        return AccessReviewProgress.of(await info.context.read(store.progress, me, self.row.id))

    @strawberry.field(description="The progress of your own decisions.")
    async def my_progress(self, info: Info) -> AccessReviewProgress:
        """Return the progress of your own decisions."""
        me = info.context.actor.user_id
        return AccessReviewProgress.of(await info.context.read(store.progress, me, self.row.id))

    @strawberry.field(
        description="The items: all for callers who may read access reviews, else those that you "
        "review."
    )
    async def items(
        self,
        info: Info,
        undecided: Annotated[
            bool | None,
            strawberry.argument(
                description="Filter: true for items without a decision, false for decided ones."
            ),
        ] = None,
        unused: Annotated[
            bool | None,
            strawberry.argument(
                description="Filter: true for grants that would not have been missed."
            ),
        ] = None,
        mine: Annotated[
            bool, strawberry.argument(description="Filter: true for items that you review.")
        ] = False,
        user_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="Filter by user.")
        ] = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[AccessReviewItem]:
        """Return one page of the items that the caller may see."""
        ctx = info.context
        rows = await ctx.read(
            store.items,
            ctx.actor.user_id if mine else reviewer_filter(ctx),
            self.row.id,
            Window(first, after),
            undecided=undecided,
            unused=unused,
            user=maybe_uuid(user_id, "userId"),
        )
        answer: Connection[AccessReviewItem] = connect(rows, AccessReviewItem.of)
        return answer

    @strawberry.field(description="The sign-offs of reviewers.", metadata=right(OBJECT))
    async def signed_off(self, info: Info) -> list[AccessReviewSignOff]:
        """Return the sign-offs of reviewers."""
        signers = await info.context.read(store.signed, self.row.id)
        return [AccessReviewSignOff(reviewer_id=id, at=at) for id, at in signers.items()]

    @strawberry.field(description="Reviewers who have not signed off.", metadata=right(OBJECT))
    async def waiting_for(self, info: Info) -> list[User]:
        """Return reviewers who have not signed off."""
        ids = await info.context.read(store.unsigned, self.row.id)
        users = [await user_of(info, id) for id in ids]
        return [user for user in users if user]

    @strawberry.field(description="The changeset of the revoked rules.", metadata=right("Rule"))
    async def changeset(self, info: Info) -> Changeset | None:
        """Return the changeset of the revoked rules."""
        return await changeset_of(info, self.row.changeset)

    @strawberry.field(
        description="The closing report as CSV: every item with its decision, reviewer and "
        "outcome. Its SHA-256 is in the ledger.",
        metadata=right(OBJECT),
    )
    def report(self) -> str | None:
        """Return the closing report as CSV: every item with its decision, reviewer and outcome."""
        return self.row.report

    @classmethod
    def of(cls, row: ReviewRow) -> AccessReview:
        """Convert a row to the GraphQL type."""
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


def reviewer_filter(ctx: Context) -> UUID | None:
    """Return `None` for a caller who sees whole reviews, else the reviewer who sees their part."""
    return None if ctx.may(OBJECT) else ctx.actor.user_id
