"""What a changeset of the policy, which identity keeps, would do to who sees how many customers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import islice
from uuid import UUID

import strawberry
from sqlalchemy.orm import Session

from chassis.actor import Actor
from chassis.api.context import Info
from chassis.api.paging import After, Connection, First, Window, connect
from chassis.api.rights import right
from chassis.errors import BadInput, Denied
from chassis.explanation.api import page_of_users, user_after
from chassis.explanation.difference import differences, with_rules
from chassis.policy.compiling import compile_rules
from chassis.policy.rules import Rule, Snapshot, rule_of
from chassis.policy.scope import Scope
from customers.core.api.stubs import User
from customers.pool.domain.fields import (
    CREDIT_CODE_COORDINATE,
    EMAIL_COORDINATE,
    MOBILE_COORDINATE,
    NAME_COORDINATE,
)
from customers.pool.store import customer as store
from customers.pool.store.customer import COUNT_CAP

FIRST = 10
# Through which objects each sensitive field is first seen.
CLEAR = {
    CREDIT_CODE_COORDINATE: ("Customer",),
    MOBILE_COORDINATE: ("Customer",),
    EMAIL_COORDINATE: ("Customer",),
    NAME_COORDINATE: ("Customer", "Contact"),
}
MOST_LINES = 1000


@strawberry.type(description="Customers that somebody would see, and would not see any more.")
class CustomerReach:
    user: User | None = strawberry.field(description="Who.")
    gained: int = strawberry.field(
        description=f"How many customers they would see and do not see now, up to {COUNT_CAP}; one "
        "more than that means more."
    )
    lost: int = strawberry.field(
        description="How many customers they see now and would not see any more, in the same way."
    )
    cleared: int = strawberry.field(
        description="Of how many customers they would see a sensitive field in clear that they do "
        "not see in clear now, gained customers included; counted in the same way."
    )
    masked: int = strawberry.field(
        description="Of how many customers a sensitive field that they see in clear now would be "
        "masked, hidden or gone, lost customers included."
    )


@strawberry.federation.type(
    keys=["id"], description="Changes of the policy that come into force together, or not at all."
)
class Changeset:
    id: strawberry.ID = strawberry.field(description="The changeset's id.")
    adds: list[str] = strawberry.federation.field(
        external=True, description="The rules that would be there, as Casbin lines."
    )
    removes: list[str] = strawberry.federation.field(
        external=True, description="The rules that would not be there any more, as Casbin lines."
    )
    whole: strawberry.Private[bool]

    @strawberry.federation.field(
        requires=["adds", "removes"],
        description="Everybody for whom other customers would be readable, or a sensitive field "
        "more or less open: how many customers that concerns on the data as it is now, against the "
        "policy in force. "
        "Counting takes up to a second a person on large pools, so ask for few at a time.",
        metadata=right("Rule"),
    )
    async def customer_reach(
        self, info: Info, first: First = FIRST, after: After = None
    ) -> Connection[CustomerReach]:
        ctx, window = info.context, Window(first, after)
        start = user_after(window)
        before = ctx.policy
        if not self.whole:
            raise _not_lines("adds", "both adds and removes are needed")
        gone, come = _rules(self.removes, "removes"), _rules(self.adds, "adds")
        kept = [rule for rule in before.rules if rule not in set(gone)]
        now = with_rules(before, [*kept, *come])
        people = await asyncio.to_thread(_people, before, now, start, window.first + 1)
        page = page_of_users(people, window)
        counted = await ctx.read(_moved, before, now, page.rows)
        return connect(page, lambda id: counted[id])  # type: ignore[no-any-return]  # as asked

    @classmethod
    def resolve_reference(
        cls,
        info: Info,
        id: strawberry.ID,
        adds: list[str] | None = None,
        removes: list[str] | None = None,
    ) -> Changeset:
        whole = adds is not None and removes is not None
        return cls(id=id, adds=adds or [], removes=removes or [], whole=whole)


def _people(before: Snapshot, now: Snapshot, start: UUID | None, most: int) -> list[UUID]:
    asked = [(object, "read") for object in ("Customer", "Contact", *CLEAR)]
    found = dict.fromkeys(one.user_id for one in differences(before, now, asked))
    return list(islice((id for id in found if start is None or id > start), most))


def _moved(
    session: Session, before: Snapshot, now: Snapshot, people: Sequence[UUID]
) -> dict[UUID, CustomerReach]:
    found = {}
    for id in people:
        old, new = (_Reader(snapshot, id) for snapshot in (before, now))
        gained, lost = store.moved(session, old.scope("Customer"), new.scope("Customer"))
        pairs = [(old.clear(*one), new.clear(*one)) for one in CLEAR.items()]
        cleared, masked = store.opened(session, pairs)
        found[id] = CustomerReach(
            user=User.of(id), gained=gained, lost=lost, cleared=cleared, masked=masked
        )
    return found


class _Reader:
    """One person under one policy."""

    def __init__(self, snapshot: Snapshot, user: UUID) -> None:
        self._actor = Actor(user)
        self._permissions = compile_rules(snapshot, user)

    def scope(self, object: str) -> Scope | None:
        try:
            return self._permissions.allow(self._actor, object, "read")
        except Denied:
            return None

    def clear(self, field: str, objects: Sequence[str]) -> list[Scope]:
        """What all must reach a customer for the field to be clear there; empty: it never is."""
        scopes = [scope for object in objects if (scope := self.scope(object))]
        if len(scopes) < len(objects):
            return []
        return [*scopes, scopes[0].clear_in(field)]


def _rules(lines: Sequence[str], field: str) -> list[Rule]:
    """The rules of some Casbin lines. Identity writes them, but anybody may send a reference."""
    try:
        if len(lines) > MOST_LINES:
            raise ValueError(f"a changeset has at most {MOST_LINES} lines")
        return [rule_of(line.split(",")) for line in lines]
    except (ValueError, AttributeError) as problem:
        raise _not_lines(field, str(problem)) from problem


def _not_lines(field: str, why: str) -> BadInput:
    return BadInput(
        f"{field} must be Casbin lines as identity writes them: {why}.",
        f"{field} 必须是 identity 提供的 Casbin 规则行。",
        field=field,
    )
