"""What a changeset would do to whom, before it is published."""

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
    "reaches other rows. REDACTION_CHANGED: reaches the same rows, more or less open.",
)


@strawberry.type(description="Rows that a permission reaches, and how open a field is there.")
class AccessReach:
    rows: str = strawberry.field(description="A row scope.")
    redaction: str = strawberry.field(description="How open; `clear` for what is no field.")

    @classmethod
    def of(cls, reach: Reach) -> AccessReach:
        return cls(rows=reach.rows, redaction=reach.redaction)


@strawberry.type(description="A permission of somebody that would not be what it is.")
class AccessChange:
    object: str = strawberry.field(description="An object or a sensitive field of the rulebook.")
    action: str = strawberry.field(description="What may be done to it.")
    effect: Effect = strawberry.field(description="What would become of it.")
    before: list[AccessReach] = strawberry.field(description="What it reaches; empty: nothing.")
    after: list[AccessReach] = strawberry.field(description="What it would reach.")
    user_id: strawberry.Private[UserId]

    @strawberry.field(description="Whose it is.", metadata=right("User"))
    async def user(self, info: Info) -> User | None:
        return await user_of(info, self.user_id)

    @classmethod
    def of(cls, found: Difference) -> AccessChange:
        return cls(
            object=found.object,
            action=found.action,
            effect=found.effect,
            before=[AccessReach.of(one) for one in found.before],
            after=[AccessReach.of(one) for one in found.after],
            user_id=UserId(found.user_id),
        )


@strawberry.type(description="What publishing a changeset now would lead to.")
class Simulation:
    policy_version: int = strawberry.field(description="The version it was held against.")
    errors: list[UserError] = strawberry.field(
        description="What publishing would be refused with now; empty: nothing stands against it."
    )
    people: int = strawberry.field(description="How many people it would change anything for.")
    gained: int = strawberry.field(description="How many permissions would be GAINED.")
    lost: int = strawberry.field(description="How many would be LOST.")
    rows_changed: int = strawberry.field(description="How many would reach other rows.")
    redaction_changed: int = strawberry.field(description="How many would be more or less open.")
    found: strawberry.Private[Sequence[Difference]]
    done: strawberry.Private[Simulated]

    @strawberry.field(
        description="What would become of the decisions that the ledger holds of the last days, if "
        "they were made again. Of rows it only knows which a permission may reach.",
        metadata=right("AuditEvent"),
    )
    async def replay(self, info: Info, days: Days = 30) -> Replay:
        return await replay_of(info.context, self.done, days)

    @strawberry.field(description="Every permission that would change, person by person.")
    async def changes(
        self, first: First = DEFAULT_FIRST, after: After = None
    ) -> Connection[AccessChange]:
        found = _page(self.found, Window(first, after))
        return connect(found, AccessChange.of)  # type: ignore[no-any-return]  # the one asked for


async def simulation_of(ctx: Context, row: ChangesetRow) -> Simulation:
    """The simulation of a changeset; the tables are compared in a thread, others are served on."""
    done = await ctx.read(simulate, ctx.scope("Rule"), row)
    found = await asyncio.to_thread(lambda: list(differences(done.before, done.after, ASKED)))
    counted = Counter(one.effect for one in found)
    return Simulation(
        policy_version=done.before.version,
        errors=[user_error(done.problem, ctx.locale)] if done.problem else [],
        people=len({one.user_id for one in found}),
        gained=counted[Effect.GAINED],
        lost=counted[Effect.LOST],
        rows_changed=counted[Effect.ROWS_CHANGED],
        redaction_changed=counted[Effect.REDACTION_CHANGED],
        found=found,
        done=done,
    )


def _key(one: Difference) -> list[str]:
    return [str(one.user_id), one.object, one.action]


def _page(found: Sequence[Difference], window: Window) -> Page[Difference]:
    start = bisect_right(found, _after(window.after), key=_key) if window.after else 0
    shown = found[start : start + window.first]
    return Page(
        rows=shown,
        cursors=[base64.urlsafe_b64encode(orjson.dumps(_key(one))).decode() for one in shown],
        has_next=len(found) > start + window.first,
        has_previous=window.after is not None,
    )


def _after(cursor: str) -> list[str]:
    try:
        key = orjson.loads(base64.urlsafe_b64decode(cursor))
        if isinstance(key, list) and len(key) == 3 and all(isinstance(one, str) for one in key):
            return key
        raise ValueError("not a key")
    except (ValueError, binascii.Error) as problem:
        raise BadInput(
            "after is not a cursor of this list; use an endCursor that this query returned.",
            "after 不是本列表返回的游标，请使用上一页的 endCursor。",
            field="after",
        ) from problem
