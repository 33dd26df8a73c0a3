"""The effect of a changeset on the permissions of people, before it is published."""

from __future__ import annotations

import asyncio
import base64
import binascii
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence

import orjson
import strawberry

from chassis.api.context import Context, Info
from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Page, Window, connect
from chassis.api.problems import UserError, user_error
from chassis.api.rights import right
from chassis.errors import BadInput
from chassis.explanation.difference import Difference, Effect, Reach, differences
from identity.core.domain.ids import UserId
from identity.core.domain.rulebook import ASKED
from identity.people.api.types import User, user_of
from identity.policy.api.replay import Days, Replay, replay_of
from identity.policy.commands.simulation import Simulated, simulate
from identity.policy.store.changeset import ChangesetRow

strawberry.enum(
    Effect,
    name="AccessEffect",
    description="GAINED: was not permitted at all. LOST: is not permitted any more. ROWS_CHANGED: "
    "permits other rows. REDACTION_CHANGED: permits the same rows, more or less open.",
)


@strawberry.type(description="Rows of a permission, and how a field is shown there.")
class AccessReach:
    """Rows of a permission, and how a field is shown there."""

    rows: str = strawberry.field(description="The row scope.")
    redaction: str = strawberry.field(
        description="How the field is shown; `clear` for an object that is no field."
    )

    @classmethod
    def of(cls, reach: Reach) -> AccessReach:
        """Convert a value to the GraphQL type."""
        return cls(rows=reach.rows, redaction=reach.redaction)


@strawberry.type(description="The change of a permission of one user.")
class AccessChange:
    """The change of a permission of one user."""

    object: str = strawberry.field(description="An object or a sensitive field of the rulebook.")
    action: str = strawberry.field(description="The action.")
    effect: Effect = strawberry.field(description="The kind of change.")
    before: list[AccessReach] = strawberry.field(description="The rows permitted now; empty: none.")
    after: list[AccessReach] = strawberry.field(
        description="The rows permitted afterwards; empty: none."
    )
    user_id: strawberry.Private[UserId]

    @strawberry.field(description="The user.", metadata=right("User"))
    async def user(self, info: Info) -> User | None:
        """Return the user."""
        return await user_of(info, self.user_id)

    @classmethod
    def of(cls, difference: Difference) -> AccessChange:
        """Convert a difference of permissions to the GraphQL type."""
        return cls(
            object=difference.object,
            action=difference.action,
            effect=difference.effect,
            before=[AccessReach.of(reach) for reach in difference.before],
            after=[AccessReach.of(reach) for reach in difference.after],
            user_id=UserId(difference.user_id),
        )


@strawberry.type(description="The effect of publishing a changeset now.")
class Simulation:
    """The effect of publishing a changeset now."""

    policy_version: int = strawberry.field(description="The policy version it was compared with.")
    errors: list[UserError] = strawberry.field(
        description="The errors that publishing would be refused with now; empty: it can be "
        "published."
    )
    people: int = strawberry.field(
        description="How many users have a permission that would change."
    )
    gained: int = strawberry.field(description="How many permissions would be GAINED.")
    lost: int = strawberry.field(description="How many permissions would be LOST.")
    rows_changed: int = strawberry.field(description="How many would be ROWS_CHANGED.")
    redaction_changed: int = strawberry.field(description="How many would be REDACTION_CHANGED.")
    differences: strawberry.Private[Sequence[Difference]]
    simulated: strawberry.Private[Simulated]

    @strawberry.field(
        description="The decisions in the ledger of the last days, decided again under the draft. "
        "Rows are compared only by the row scopes of the permissions.",
        metadata=right("AuditEvent"),
    )
    async def replay(self, info: Info, days: Days = 30) -> Replay:
        """Return the decisions in the ledger of the last days, decided again under the draft."""
        return await replay_of(info.context, self.simulated, days)

    @strawberry.field(description="Every permission that would change, sorted by user.")
    async def changes(
        self, first: First = DEFAULT_FIRST, after: After = None
    ) -> Connection[AccessChange]:
        """Return every permission that would change, sorted by user."""
        rows = _page(self.differences, Window(first, after))
        return connect(rows, AccessChange.of)  # type: ignore[no-any-return]  # connect returns Any


async def simulation_of(ctx: Context, row: ChangesetRow) -> Simulation:
    """Return the simulation of a changeset, computed in a thread beside the event loop."""
    simulated = await ctx.read(simulate, ctx.scope("Rule"), row)
    changed = await asyncio.to_thread(
        lambda: list(differences(simulated.before, simulated.after, ASKED))
    )
    counted = Counter(difference.effect for difference in changed)
    return Simulation(
        policy_version=simulated.before.version,
        errors=[user_error(simulated.problem, ctx.locale)] if simulated.problem else [],
        people=len({difference.user_id for difference in changed}),
        gained=counted[Effect.GAINED],
        lost=counted[Effect.LOST],
        rows_changed=counted[Effect.ROWS_CHANGED],
        redaction_changed=counted[Effect.REDACTION_CHANGED],
        differences=changed,
        simulated=simulated,
    )


def _key(difference: Difference) -> list[str]:
    return [str(difference.user_id), difference.object, difference.action]


def _page(sorted_rows: Sequence[Difference], window: Window) -> Page[Difference]:
    start = bisect_right(sorted_rows, _after(window.after), key=_key) if window.after else 0
    shown = sorted_rows[start : start + window.first]
    return Page(
        rows=shown,
        cursors=[base64.urlsafe_b64encode(orjson.dumps(_key(row))).decode() for row in shown],
        has_next=len(sorted_rows) > start + window.first,
        has_previous=window.after is not None,
    )


def _after(cursor: str) -> list[str]:
    try:
        key = orjson.loads(base64.urlsafe_b64decode(cursor))
        if isinstance(key, list) and len(key) == 3 and all(isinstance(part, str) for part in key):
            return key
        raise ValueError("not a key")
    except (ValueError, binascii.Error) as problem:
        raise BadInput(
            "after is not a cursor of this list; use an endCursor that this query returned.",
            "after 不是本列表返回的游标，请使用上一页的 endCursor。",
            field="after",
        ) from problem
