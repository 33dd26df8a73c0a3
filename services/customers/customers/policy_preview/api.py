"""Preview a changeset of the policy: how many customers each user would gain or lose by it."""

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
from customers.pool.store import customer_search as store
from customers.pool.store.customer_search import COUNT_CAP

FIRST = 10
# The objects whose scopes must all reach a row before each sensitive field can be seen.
OBJECTS_OF_FIELD = {
    CREDIT_CODE_COORDINATE: ("Customer",),
    MOBILE_COORDINATE: ("Customer",),
    EMAIL_COORDINATE: ("Customer",),
    NAME_COORDINATE: ("Customer", "Contact"),
}
MOST_LINES = 1000


@strawberry.type(description="The customers that a user would gain or lose by a changeset.")
class CustomerReach:
    """The effect of a changeset on one user."""

    user: User | None = strawberry.field(description="The user.")
    gained: int = strawberry.field(
        description="The number of customers that the user would see and does not see now, counted "
        f"up to {COUNT_CAP}; {COUNT_CAP + 1} means there are more."
    )
    lost: int = strawberry.field(
        description="The number of customers that the user sees now and would no longer see, "
        "counted in the same way."
    )
    cleared: int = strawberry.field(
        description="The number of customers of which the user would see a sensitive field in "
        "clear and does not now, gained customers included; counted in the same way."
    )
    masked: int = strawberry.field(
        description="The number of customers of which a sensitive field that the user sees in "
        "clear now would be masked, hidden or gone, lost customers included; counted in the "
        "same way."
    )


@strawberry.federation.type(
    keys=["id"],
    description="A changeset: changes of the policy that come into force together, or not at all.",
)
class Changeset:
    """A changeset of the policy, which identity owns."""

    id: strawberry.ID = strawberry.field(description="The changeset's id.")
    adds: list[str] = strawberry.federation.field(
        external=True, description="The rules that the changeset adds, as Casbin lines."
    )
    removes: list[str] = strawberry.federation.field(
        external=True, description="The rules that the changeset removes, as Casbin lines."
    )
    whole: strawberry.Private[bool]

    @strawberry.federation.field(
        requires=["adds", "removes"],
        description="The users for whom other customers would be readable, or a sensitive field "
        "more or less open: how many customers that concerns on the present data, compared with "
        "the policy in force. Counting takes up to a second for each user on large pools, so "
        "request few at a time.",
        metadata=right("Rule"),
    )
    async def customer_reach(
        self, info: Info, first: First = FIRST, after: After = None
    ) -> Connection[CustomerReach]:
        """Return a page of the users whom the changeset affects."""
        ctx, window = info.context, Window(first, after)
        start = user_after(window)
        before = ctx.policy
        if not self.whole:
            raise _invalid_lines("adds", "both adds and removes are needed")
        removed, added = set(_rules(self.removes, "removes")), _rules(self.adds, "adds")
        staying = [rule for rule in before.rules if rule not in removed]
        changed = with_rules(before, [*staying, *added])
        users = await asyncio.to_thread(_affected_users, before, changed, start, window.first + 1)
        page = page_of_users(users, window)
        reach = await ctx.read(_count_reach, before, changed, page.rows)
        connection: Connection[CustomerReach] = connect(page, lambda id: reach[id])
        return connection

    @classmethod
    def resolve_reference(
        cls,
        info: Info,
        id: strawberry.ID,
        adds: list[str] | None = None,
        removes: list[str] | None = None,
    ) -> Changeset:
        """Return the changeset with the rules that the gateway passes along."""
        whole = adds is not None and removes is not None
        return cls(id=id, adds=adds or [], removes=removes or [], whole=whole)


def _affected_users(
    before: Snapshot, changed: Snapshot, start: UUID | None, limit: int
) -> list[UUID]:
    rights = [(object, "read") for object in ("Customer", "Contact", *OBJECTS_OF_FIELD)]
    users = dict.fromkeys(difference.user_id for difference in differences(before, changed, rights))
    return list(islice((id for id in users if start is None or id > start), limit))


def _count_reach(
    session: Session, before: Snapshot, changed: Snapshot, users: Sequence[UUID]
) -> dict[UUID, CustomerReach]:
    reach = {}
    for id in users:
        old, new = (_Reader(snapshot, id) for snapshot in (before, changed))
        gained, lost = store.count_gained_lost(
            session, old.scope("Customer"), new.scope("Customer")
        )
        pairs = [
            (old.clear(field, objects), new.clear(field, objects))
            for field, objects in OBJECTS_OF_FIELD.items()
        ]
        cleared, masked = store.count_cleared_masked(session, pairs)
        reach[id] = CustomerReach(
            user=User.of(id), gained=gained, lost=lost, cleared=cleared, masked=masked
        )
    return reach


class _Reader:
    """One user under one policy."""

    def __init__(self, snapshot: Snapshot, user: UUID) -> None:
        self._actor = Actor(user)
        self._permissions = compile_rules(snapshot, user)

    def scope(self, object: str) -> Scope | None:
        """Return the user's scope for reading an object, if the policy grants one."""
        try:
            return self._permissions.allow(self._actor, object, "read")
        except Denied:
            return None

    def clear(self, field: str, objects: Sequence[str]) -> list[Scope]:
        """Return the scopes that must all reach a customer for the field to be clear there.

        No scope at all means that it never is.
        """
        scopes = [scope for object in objects if (scope := self.scope(object))]
        if len(scopes) < len(objects):
            return []
        return [*scopes, scopes[0].clear_in(field)]


def _rules(lines: Sequence[str], field: str) -> list[Rule]:
    """Read rules from Casbin lines, checked because any client may send a reference."""
    try:
        if len(lines) > MOST_LINES:
            raise ValueError(f"a changeset has at most {MOST_LINES} lines")
        return [rule_of(line.split(",")) for line in lines]
    except (ValueError, AttributeError) as problem:
        raise _invalid_lines(field, str(problem)) from problem


def _invalid_lines(field: str, problem: str) -> BadInput:
    return BadInput(
        f"{field} must be Casbin lines as identity writes them: {problem}.",
        f"{field} 必须是 identity 提供的 Casbin 规则行。",
        field=field,
    )
