"""Recorded decisions made again under a draft: what people really did is the best test of a policy."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

import strawberry

from chassis.api.context import Context, Info
from chassis.api.rights import right
from chassis.errors import BadInput
from identity.core.domain.ids import UserId
from identity.core.domain.rulebook import ASKED
from identity.ledger.domain.decision import RecordedDecision
from identity.ledger.store import audit_event as ledger
from identity.people.api.types import User, user_of
from identity.policy.commands.simulation import Simulated
from identity.policy.services.replay import Replayed, replay

MOST_DAYS, MOST_KINDS, MOST_EXAMPLES = 365, 20_000, 100
Days = Annotated[int, strawberry.argument(description=f"How many days back, 1 to {MOST_DAYS}.")]

strawberry.enum(
    Replayed,
    name="ReplayedOutcome",
    description="SAME. DENIED: was allowed and would not be. ALLOWED: was refused and would not be. "
    "LESS_OPEN: a field that was shown would be masked or hidden. MORE_OPEN: one that was masked "
    "could be clear. DEPENDS_ON_ROW: still allowed, but to other rows, or openly on other rows.",
)


@strawberry.type(description="Equal decisions of the ledger, and what would become of them.")
class ReplayedDecision:
    object: str = strawberry.field(description="What it was about.")
    action: str = strawberry.field(description="What was done, or would have been.")
    allowed: bool = strawberry.field(description="Whether it was allowed then.")
    clear: list[str] = strawberry.field(description="Sensitive fields it showed in clear.")
    masked: list[str] = strawberry.field(description="Sensitive fields it showed masked.")
    times: int = strawberry.field(description="How often it was decided so.")
    last_at: datetime = strawberry.field(description="When it was last.")
    outcome: Replayed = strawberry.field(description="What would become of it.")
    user_id: strawberry.Private[UserId]

    @strawberry.field(description="Who asked.", metadata=right("User"))
    async def user(self, info: Info) -> User | None:
        return await user_of(info, self.user_id)

    @classmethod
    def of(cls, one: RecordedDecision, outcome: Replayed) -> ReplayedDecision:
        return cls(
            object=one.object,
            action=one.action,
            allowed=one.allowed,
            clear=sorted(one.clear),
            masked=sorted(one.masked),
            times=one.times,
            last_at=one.last,
            outcome=outcome,
            user_id=UserId(one.user_id),
        )


@strawberry.type(description="The decisions of the last days made again; counted one by one.")
class Replay:
    since: datetime = strawberry.field(description="From when on.")
    decisions: int = strawberry.field(description="How many were made again.")
    same: int = strawberry.field(description="How many would be what they were.")
    denied: int = strawberry.field(description="How many would be DENIED.")
    allowed: int = strawberry.field(description="How many would be ALLOWED.")
    less_open: int = strawberry.field(description="How many would be LESS_OPEN.")
    more_open: int = strawberry.field(description="How many could be MORE_OPEN.")
    depends_on_row: int = strawberry.field(description="How many would be DEPENDS_ON_ROW.")
    whole: bool = strawberry.field(
        description=f"false: there are more than {MOST_KINDS} different decisions, and only the "
        "latest were made again."
    )
    found: strawberry.Private[Sequence[tuple[RecordedDecision, Replayed]]]

    @strawberry.field(description="Those that would not be the same, the most frequent first.")
    def examples(
        self,
        first: Annotated[
            int, strawberry.argument(description=f"How many, 1 to {MOST_EXAMPLES}.")
        ] = 20,
        outcome: Annotated[
            Replayed | None, strawberry.argument(description="Left out: all but SAME.")
        ] = None,
    ) -> list[ReplayedDecision]:
        _within(first, MOST_EXAMPLES, "first")
        chosen = [
            (one, found)
            for one, found in self.found
            if (found is outcome if outcome else found is not Replayed.SAME)
        ]
        chosen.sort(key=lambda pair: (-pair[0].times, str(pair[0].user_id)))
        return [ReplayedDecision.of(*pair) for pair in chosen[:first]]


async def replay_of(ctx: Context, done: Simulated, days: int) -> Replay:
    """The replay of a simulated changeset; tables are compared in a thread, others are served on."""
    _within(days, MOST_DAYS, "days")
    since = datetime.now(UTC) - timedelta(days=days)
    scope = ctx.scope("AuditEvent")
    log = await ctx.read(ledger.decisions, scope, since, ASKED, MOST_KINDS + 1)
    some = log[:MOST_KINDS]
    found = await asyncio.to_thread(lambda: list(replay(done.before, done.after, some)))
    counted = Counter[Replayed]()
    for one, outcome in found:
        counted[outcome] += one.times
    return Replay(
        since=since,
        decisions=counted.total(),
        same=counted[Replayed.SAME],
        denied=counted[Replayed.DENIED],
        allowed=counted[Replayed.ALLOWED],
        less_open=counted[Replayed.LESS_OPEN],
        more_open=counted[Replayed.MORE_OPEN],
        depends_on_row=counted[Replayed.DEPENDS_ON_ROW],
        whole=len(log) <= MOST_KINDS,
        found=found,
    )


def _within(value: int, most: int, field: str) -> None:
    if not 1 <= value <= most:
        raise BadInput(
            f"{field} is {value}; it must be between 1 and {most}.",
            f"{field} 为 {value}，必须在 1 到 {most} 之间。",
            field=field,
        )
