"""Recorded decisions, decided again under a draft: past use is the best test of a policy."""

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
    description="SAME: no difference. DENIED: was allowed and would be refused. ALLOWED: was "
    "refused and would be allowed. LESS_OPEN: a field that was shown would be masked or hidden. "
    "MORE_OPEN: a field that was masked could be clear. DEPENDS_ON_ROW: still allowed, but on "
    "other rows, or with other fields clear.",
)


@strawberry.type(description="Equal decisions of the ledger, and their outcome under the draft.")
class ReplayedDecision:
    """Equal decisions of the ledger, and their outcome under the draft."""

    object: str = strawberry.field(description="The object.")
    action: str = strawberry.field(description="The action that was allowed or refused.")
    allowed: bool = strawberry.field(description="Whether it was allowed.")
    clear: list[str] = strawberry.field(description="Sensitive fields that were shown in clear.")
    masked: list[str] = strawberry.field(description="Sensitive fields that were shown masked.")
    times: int = strawberry.field(description="How often this was decided.")
    last_at: datetime = strawberry.field(description="When it was decided last.")
    outcome: Replayed = strawberry.field(description="The outcome under the draft.")
    user_id: strawberry.Private[UserId]

    @strawberry.field(description="The user of the request.", metadata=right("User"))
    async def user(self, info: Info) -> User | None:
        """Return the user of the request."""
        return await user_of(info, self.user_id)

    @classmethod
    def of(cls, decision: RecordedDecision, outcome: Replayed) -> ReplayedDecision:
        """Convert a recorded decision to the GraphQL type."""
        return cls(
            object=decision.object,
            action=decision.action,
            allowed=decision.allowed,
            clear=sorted(decision.clear),
            masked=sorted(decision.masked),
            times=decision.times,
            last_at=decision.last,
            outcome=outcome,
            user_id=UserId(decision.user_id),
        )


@strawberry.type(
    description="The decisions of the last days, decided again under the draft, with "
    "counts by outcome."
)
class Replay:
    """The decisions of the last days, decided again under the draft, with counts by outcome."""

    since: datetime = strawberry.field(description="The begin of the period.")
    decisions: int = strawberry.field(description="How many were decided again.")
    same: int = strawberry.field(description="How many would be SAME.")
    denied: int = strawberry.field(description="How many would be DENIED.")
    allowed: int = strawberry.field(description="How many would be ALLOWED.")
    less_open: int = strawberry.field(description="How many would be LESS_OPEN.")
    more_open: int = strawberry.field(description="How many could be MORE_OPEN.")
    depends_on_row: int = strawberry.field(description="How many would be DEPENDS_ON_ROW.")
    whole: bool = strawberry.field(
        description=f"false: there are more than {MOST_KINDS} different decisions, and only the "
        "latest were decided again."
    )
    replayed: strawberry.Private[Sequence[tuple[RecordedDecision, Replayed]]]

    @strawberry.field(
        description="Decisions with another outcome than SAME, the most frequent first."
    )
    def examples(
        self,
        first: Annotated[
            int, strawberry.argument(description=f"How many, 1 to {MOST_EXAMPLES}.")
        ] = 20,
        outcome: Annotated[
            Replayed | None,
            strawberry.argument(description="Filter by outcome; left out: all but SAME."),
        ] = None,
    ) -> list[ReplayedDecision]:
        """Return decisions with another outcome than SAME, the most frequent first."""
        _within(first, MOST_EXAMPLES, "first")
        chosen = [
            (decision, result)
            for decision, result in self.replayed
            if (result is outcome if outcome else result is not Replayed.SAME)
        ]
        chosen.sort(key=lambda pair: (-pair[0].times, str(pair[0].user_id)))
        return [ReplayedDecision.of(*pair) for pair in chosen[:first]]


async def replay_of(ctx: Context, simulated: Simulated, days: int) -> Replay:
    """Return the replay of a simulated changeset, computed in a thread beside the event loop."""
    _within(days, MOST_DAYS, "days")
    since = datetime.now(UTC) - timedelta(days=days)
    scope = ctx.scope("AuditEvent")
    log = await ctx.read(ledger.decisions, scope, since, ASKED, MOST_KINDS + 1)
    latest = log[:MOST_KINDS]
    replayed = await asyncio.to_thread(
        lambda: list(replay(simulated.before, simulated.after, latest))
    )
    counted = Counter[Replayed]()
    for decision, outcome in replayed:
        counted[outcome] += decision.times
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
        replayed=replayed,
    )


def _within(value: int, most: int, field: str) -> None:
    if not 1 <= value <= most:
        raise BadInput(
            f"{field} is {value}; it must be between 1 and {most}.",
            f"{field} 为 {value}，必须在 1 到 {most} 之间。",
            field=field,
        )
