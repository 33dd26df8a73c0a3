"""Mutations of access reviews, from beginning one to closing it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry

from chassis.api.context import Info
from chassis.api.problems import UserError, answers
from chassis.api.rights import right
from chassis.errors import BadInput
from identity.core.api.arguments import IdempotencyKey
from identity.core.api.ids import maybe_uuid, uuid
from identity.core.domain.ids import AccessReviewId, AccessReviewItemId, UserId
from identity.core.domain.moment import zoned
from identity.review import store
from identity.review.api.access_review import AccessReview, reviewer_filter
from identity.review.api.access_review_query import Days, ReachArgument, checked_days
from identity.review.commands import access_review as commands, access_review_begin as begin
from identity.review.commands.access_review import OBJECT
from identity.review.commands.access_review_begin import Plan, Reach
from identity.review.commands.access_review_close import Closing, close
from identity.review.domain import ReviewDecision
from identity.settings import IdentitySettings

ReviewId = Annotated[strawberry.ID, strawberry.argument(description="The review's id.")]
ItemIds = Annotated[
    list[strawberry.ID],
    strawberry.argument(description="The ids of items of the review, 1 to 500."),
]
Version = Annotated[
    int, strawberry.argument(description="The review's `version` as you read it; else CONFLICT.")
]


@strawberry.type(description="The review after the change, or the errors that prevented it.")
class AccessReviewPayload:
    """The review after the change, or the errors that prevented it."""

    review: AccessReview | None = strawberry.field(
        default=None, description="The review as it is now."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was changed; empty after success."
    )


@strawberry.type(description="The number of items with one outcome.")
class AccessReviewOutcome:
    """The number of items with one outcome."""

    outcome: str = strawberry.field(
        description="KEPT, REMOVED, IN_CHANGESET, IN_DIRECTORY or GONE; see `outcome` of an item."
    )
    items: int = strawberry.field(description="The number of items.")


@strawberry.type(description="The effect of closing, or in a dry run what it would be.")
class AccessReviewClosing:
    """The effect of closing, or in a dry run what it would be."""

    review: AccessReview | None = strawberry.field(
        default=None, description="The review as it is now."
    )
    outcomes: list[AccessReviewOutcome] = strawberry.field(
        default_factory=list, description="The number of items by outcome."
    )
    users_losing: int = strawberry.field(
        default=0, description="The number of users who lose a grant."
    )
    policy_version: int | None = strawberry.field(
        default=None, description="The policy version without the removed roles."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was changed; empty after success."
    )


@strawberry.type
class AccessReviewMutation:
    """Mutations of access reviews."""

    @strawberry.mutation(
        description="Begin an access review of the grants of users and their use. The reviewer of "
        "an item is a user who may decide access reviews in the department of the item's user or "
        "the nearest above it, never that user; else `reviewerId`, else you.",
        metadata=right(OBJECT, "manage"),
    )
    @answers(AccessReviewPayload)
    async def create_access_review(
        self,
        info: Info,
        title: Annotated[
            str, strawberry.argument(description="The title, at most 200 characters.")
        ],
        due_at: Annotated[datetime, strawberry.argument(description="The due date of decisions.")],
        reach: ReachArgument = None,
        days: Days = 90,
        reviewer_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="The reviewer where no department has one."),
        ] = None,
        idempotency_key: IdempotencyKey = None,
    ) -> AccessReviewPayload:
        """Begin an access review of the grants of users and their use."""
        ctx = info.context
        reviewer = maybe_uuid(reviewer_id, "reviewerId")
        plan = Plan(
            title,
            checked_days(days),
            zoned(due_at),
            reach.reach() if reach else Reach(),
            UserId(reviewer) if reviewer else None,
        )
        version = ctx.scope(OBJECT, "manage").version
        id = await ctx.write(begin.begin, ctx.actor, plan, version, idempotency_key)
        return await _answer(info, id)

    @strawberry.mutation(
        description="Decide items that you review. To keep an unused grant takes a note. A "
        "decision can be changed until the review is closed; then sign off again.",
        metadata=right(OBJECT, "decide"),
    )
    @answers(AccessReviewPayload)
    async def decide_access_review(
        self,
        info: Info,
        id: ReviewId,
        item_ids: ItemIds,
        decision: Annotated[
            ReviewDecision, strawberry.argument(description="The decision about all of them.")
        ],
        note: Annotated[
            str, strawberry.argument(description="The reason, at most 1000 characters.")
        ] = "",
    ) -> AccessReviewPayload:
        """Decide items that you review."""
        ctx = info.context
        version = ctx.scope(OBJECT, "decide").version
        review_id = AccessReviewId(uuid(id, "id"))
        await ctx.write(
            commands.decide, ctx.actor, review_id, _items(item_ids), decision, note, version
        )
        return await _answer(info, review_id)

    @strawberry.mutation(
        description="Sign off that all your items are decided.",
        metadata=right(OBJECT, "decide"),
    )
    @answers(AccessReviewPayload)
    async def sign_off_access_review(self, info: Info, id: ReviewId) -> AccessReviewPayload:
        """Sign off that all your items are decided."""
        ctx = info.context
        version = ctx.scope(OBJECT, "decide").version
        review_id = AccessReviewId(uuid(id, "id"))
        await ctx.write(commands.sign_off, ctx.actor, review_id, version)
        return await _answer(info, review_id)

    @strawberry.mutation(
        description="Assign items to another reviewer, who decides them again.",
        metadata=right(OBJECT, "manage"),
    )
    @answers(AccessReviewPayload)
    async def reassign_access_review(
        self,
        info: Info,
        id: ReviewId,
        item_ids: ItemIds,
        reviewer_id: Annotated[
            strawberry.ID,
            strawberry.argument(description="The reviewer, who needs the right to decide."),
        ],
    ) -> AccessReviewPayload:
        """Assign items to another reviewer, who decides them again."""
        review_id = AccessReviewId(uuid(id, "id"))
        await info.context.write(
            commands.reassign,
            info.context.scope(OBJECT, "manage"),
            review_id,
            _items(item_ids),
            UserId(uuid(reviewer_id, "reviewerId")),
        )
        return await _answer(info, review_id)

    @strawberry.mutation(
        description="Close a review that all reviewers signed off: revoked roles are removed under "
        "one policy version, revoked rules become a changeset, which is published at once unless "
        "changes of rules are reviewed here. Try it with `dryRun`.",
        metadata=right(OBJECT, "manage"),
    )
    @answers(AccessReviewClosing)
    async def close_access_review(
        self,
        info: Info,
        id: ReviewId,
        expected_version: Version,
        undecided: Annotated[
            ReviewDecision | None,
            strawberry.argument(
                description="After the due date: the decision about all undecided items; missing "
                "sign-offs are then ignored."
            ),
        ] = None,
        dry_run: Annotated[
            bool, strawberry.argument(description="true: only return the outcomes.")
        ] = False,
    ) -> AccessReviewClosing:
        """Close an access review, or show what closing would do."""
        ctx = info.context
        review_id = AccessReviewId(uuid(id, "id"))
        scope = ctx.scope(OBJECT, "manage")
        review = ctx.resource(IdentitySettings).policy_review
        closing: Closing = await ctx.write(
            close,
            scope,
            review_id,
            expected_version,
            undecided=undecided,
            review=review,
            dry_run=dry_run,
        )
        after = await _answer(info, review_id)
        return AccessReviewClosing(
            review=after.review,
            outcomes=[
                AccessReviewOutcome(outcome=name, items=count)
                for name, count in sorted(closing.outcomes.items())
            ],
            users_losing=len(closing.users),
            policy_version=closing.policy_version,
        )

    @strawberry.mutation(
        description="Discard a review without any effect; it stays on record.",
        metadata=right(OBJECT, "manage"),
    )
    @answers(AccessReviewPayload)
    async def discard_access_review(
        self, info: Info, id: ReviewId, expected_version: Version
    ) -> AccessReviewPayload:
        """Discard a review without any effect; it stays on record."""
        review_id = AccessReviewId(uuid(id, "id"))
        scope = info.context.scope(OBJECT, "manage")
        await info.context.write(commands.discard, scope, review_id, expected_version)
        return await _answer(info, review_id)


def _items(ids: list[strawberry.ID]) -> list[AccessReviewItemId]:
    if not 1 <= len(ids) <= 500:
        raise BadInput(
            f"itemIds has {len(ids)} ids; 1 to 500 are allowed.",
            f"itemIds 有 {len(ids)} 个编号，应为 1 到 500 个。",
            field="itemIds",
        )
    return [AccessReviewItemId(uuid(id, f"itemIds.{index}")) for index, id in enumerate(ids)]


async def _answer(info: Info, id: AccessReviewId) -> AccessReviewPayload:
    ctx = info.context
    me = None if ctx.may(OBJECT, "manage") else reviewer_filter(ctx)
    row = await ctx.read(store.by_id, me, id)
    return AccessReviewPayload(review=AccessReview.of(row) if row else None)
