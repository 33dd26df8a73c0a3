"""Who may do what, and why: answered from the policy alone, without a row.

Who owns a row is known to the service that keeps it, so that service answers for a row of its own.
"""

from __future__ import annotations

from typing import Annotated

import strawberry

from chassis.api.context import Info
from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect
from chassis.api.rights import right
from chassis.explanation.api import AccessExplanation, asked, one_page, person_after
from chassis.explanation.decisions import Explanation, Question, explain, holders
from identity.core.api.ids import uuid
from identity.core.domain.ids import UserId
from identity.people.api.types import User, user_of
from identity.policy.domain.rule import askable

Object = Annotated[
    str, strawberry.argument(description="An object of the rulebook that is no field: `Customer`.")
]
Action = Annotated[
    str, strawberry.argument(description="What is to be done to it; an action of the rulebook.")
]
Field = Annotated[
    str | None,
    strawberry.argument(
        description="A sensitive field of the rulebook (`Contact.mobile`): is it shown, how open?"
    ),
]


@strawberry.type(description="Somebody who may, and why.")
class AccessHolder:
    explanation: AccessExplanation = strawberry.field(description="Why they may.")
    user_id: strawberry.Private[UserId]

    @strawberry.field(description="Who may.", metadata=right("User"))
    async def user(self, info: Info) -> User | None:
        return await user_of(info, self.user_id)

    @classmethod
    def of(cls, said: Explanation, locale: str) -> AccessHolder:
        return cls(explanation=AccessExplanation.of(said, locale), user_id=UserId(said.user_id))


@strawberry.type
class AccessQuery:
    @strawberry.field(
        description="Whether the policy lets a user do something to an object at all, to which "
        "rows, and why (not). For one customer ask `explainCustomerAccess`.",
        metadata=right("Rule"),
    )
    async def explain_access(
        self,
        info: Info,
        user_id: Annotated[strawberry.ID, strawberry.argument(description="The user's id.")],
        object: Object,
        action: Action = "read",
        field: Field = None,
    ) -> AccessExplanation:
        question = _question(object, action, field)
        said = explain(info.context.policy, uuid(user_id, "userId"), question)
        return AccessExplanation.of(said, info.context.locale)

    @strawberry.field(
        description="Everybody whom the policy lets do something to an object, to some rows at "
        "least, each with the reason. For one customer ask `whoCanAccessCustomer`.",
        metadata=right("Rule"),
    )
    async def who_can_access(
        self,
        info: Info,
        object: Object,
        action: Action = "read",
        field: Field = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[AccessHolder]:
        ctx, window = info.context, Window(first, after)
        question = _question(object, action, field)
        found = holders(ctx.policy, question, after=person_after(window))
        return connect(  # type: ignore[no-any-return]  # the connection asked for
            await one_page(found, window), lambda said: AccessHolder.of(said, ctx.locale)
        )


def _question(object: str, action: str, field: str | None) -> Question:
    """The question in the words of the rulebook: a typing mistake is no verdict."""
    askable(object, action, field)
    return asked(object, action, field)
