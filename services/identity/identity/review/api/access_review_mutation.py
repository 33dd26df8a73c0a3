"""What is done with an access review, from opening it to closing it."""

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
from identity.review import store
from identity.review.api.access_review import (
    AccessReview,
    Days,
    ReachArgument,
    moment,
    onlooker,
    refuse_days,
)
from identity.review.commands import access_review as commands
from identity.review.commands.access_review import OBJECT, Plan, Reach
from identity.review.commands.access_review_close import Closing, close
from identity.review.domain import ReviewDecision
from identity.settings import IdentitySettings

ReviewId = Annotated[strawberry.ID, strawberry.argument(description="The review's id.")]
ItemIds = Annotated[
    list[strawberry.ID], strawberry.argument(description="Ids of its items, 1 to 500.")
]
Version = Annotated[
    int, strawberry.argument(description="The version that was read; CONFLICT if it is another.")
]


@strawberry.type(description="The review after the change, or why there was none.")
class AccessReviewPayload:
    review: AccessReview | None = strawberry.field(default=None, description="As it is now.")
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was done; empty: it was done."
    )


@strawberry.type(description="So many items ended so.")
class AccessReviewOutcome:
    outcome: str = strawberry.field(
        description="KEPT, REMOVED, IN_CHANGESET, IN_DIRECTORY or GONE; see `outcome` of an item."
    )
    items: int = strawberry.field(description="How many.")


@strawberry.type(description="What closing did, or in a dry run would do.")
class AccessReviewClosing:
    review: AccessReview | None = strawberry.field(default=None, description="As it is now.")
    outcomes: list[AccessReviewOutcome] = strawberry.field(
        default_factory=list, description="What became of the items."
    )
    users_losing: int = strawberry.field(default=0, description="How many people lose something.")
    policy_version: int | None = strawberry.field(
        default=None, description="The policy version since which the roles are gone."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was done; empty: it was done."
    )


@strawberry.type
class AccessReviewMutation:
    @strawberry.mutation(
        description="Opens an access review: everything that these users were given, with what they "
        "used of it, each item for a reviewer: who may decide access reviews in the user's "
        "department or the nearest above it, never the user; else `reviewerId`, else you.",
        metadata=right(OBJECT, "manage"),
    )
    @answers(AccessReviewPayload)
    async def create_access_review(
        self,
        info: Info,
        title: Annotated[
            str, strawberry.argument(description="What it is called, at most 200 characters.")
        ],
        due_at: Annotated[datetime, strawberry.argument(description="Until when to decide.")],
        reach: ReachArgument = None,
        days: Days = 90,
        reviewer_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="Who decides where no department has a reviewer."),
        ] = None,
        idempotency_key: IdempotencyKey = None,
    ) -> AccessReviewPayload:
        ctx = info.context
        reviewer = maybe_uuid(reviewer_id, "reviewerId")
        plan = Plan(
            title,
            refuse_days(days),
            moment(due_at),
            reach.reach() if reach else Reach(),
            UserId(reviewer) if reviewer else None,
        )
        version = ctx.scope(OBJECT, "manage").version
        id = await ctx.write(commands.begin, ctx.actor, plan, version, idempotency_key)
        return await _answer(info, id)

    @strawberry.mutation(
        description="Keeps or revokes items that you review. To keep what nobody used takes a note. "
        "It may be changed until the review is closed; then sign off again.",
        metadata=right(OBJECT, "decide"),
    )
    @answers(AccessReviewPayload)
    async def decide_access_review(
        self,
        info: Info,
        id: ReviewId,
        item_ids: ItemIds,
        decision: Annotated[
            ReviewDecision, strawberry.argument(description="What becomes of them.")
        ],
        note: Annotated[
            str, strawberry.argument(description="Why, in at most 1000 characters.")
        ] = "",
    ) -> AccessReviewPayload:
        ctx = info.context
        version = ctx.scope(OBJECT, "decide").version
        wanted = AccessReviewId(uuid(id, "id"))
        await ctx.write(
            commands.decide, ctx.actor, wanted, _items(item_ids), decision, note, version
        )
        return await _answer(info, wanted)

    @strawberry.mutation(
        description="Says that all your items are decided as you mean it.",
        metadata=right(OBJECT, "decide"),
    )
    @answers(AccessReviewPayload)
    async def sign_off_access_review(self, info: Info, id: ReviewId) -> AccessReviewPayload:
        ctx = info.context
        version = ctx.scope(OBJECT, "decide").version
        wanted = AccessReviewId(uuid(id, "id"))
        await ctx.write(commands.sign_off, ctx.actor, wanted, version)
        return await _answer(info, wanted)

    @strawberry.mutation(
        description="Gives items to another reviewer, who decides anew.",
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
            strawberry.argument(description="Who decides; needs the right to decide."),
        ],
    ) -> AccessReviewPayload:
        wanted = AccessReviewId(uuid(id, "id"))
        await info.context.write(
            commands.reassign,
            info.context.scope(OBJECT, "manage"),
            wanted,
            _items(item_ids),
            UserId(uuid(reviewer_id, "reviewerId")),
        )
        return await _answer(info, wanted)

    @strawberry.mutation(
        description="Closes a review that all reviewers signed off: revoked roles are taken away as "
        "one policy version, revoked rules become a changeset, which is published at once "
        "unless changes of rules are reviewed here. Try it with dryRun.",
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
                description="After the due date: what becomes of items nobody decided, and of "
                "missing signatures no more is said."
            ),
        ] = None,
        dry_run: Annotated[
            bool, strawberry.argument(description="true: only tell what would become of them.")
        ] = False,
    ) -> AccessReviewClosing:
        ctx = info.context
        wanted = AccessReviewId(uuid(id, "id"))
        scope = ctx.scope(OBJECT, "manage")
        review = ctx.resource(IdentitySettings).policy_review
        done: Closing = await ctx.write(
            close,
            scope,
            wanted,
            expected_version,
            undecided=undecided,
            review=review,
            dry_run=dry_run,
        )
        after = await _answer(info, wanted)
        return AccessReviewClosing(
            review=after.review,
            outcomes=[
                AccessReviewOutcome(outcome=name, items=count)
                for name, count in sorted(done.outcomes.items())
            ],
            users_losing=len(done.users),
            policy_version=done.policy_version,
        )

    @strawberry.mutation(
        description="Gives a review up; nothing of it is done, and it stays on record.",
        metadata=right(OBJECT, "manage"),
    )
    @answers(AccessReviewPayload)
    async def discard_access_review(
        self, info: Info, id: ReviewId, expected_version: Version
    ) -> AccessReviewPayload:
        wanted = AccessReviewId(uuid(id, "id"))
        scope = info.context.scope(OBJECT, "manage")
        await info.context.write(commands.discard, scope, wanted, expected_version)
        return await _answer(info, wanted)


def _items(ids: list[strawberry.ID]) -> list[AccessReviewItemId]:
    if not 1 <= len(ids) <= 500:
        raise BadInput(
            f"itemIds has {len(ids)} ids; 1 to 500 are allowed.",
            f"itemIds 有 {len(ids)} 个编号，应为 1 到 500 个。",
            field="itemIds",
        )
    return [AccessReviewItemId(uuid(one, f"itemIds.{index}")) for index, one in enumerate(ids)]


async def _answer(info: Info, id: AccessReviewId) -> AccessReviewPayload:
    ctx = info.context
    me = None if ctx.may(OBJECT, "manage") else onlooker(ctx)
    found = await ctx.read(store.by_id, me, id)
    return AccessReviewPayload(review=AccessReview.of(found) if found else None)
