"""Which user may do what, and why, answered from the policy alone, without a row.

The owner of a row is known to the service that stores it, so that service answers for its rows.
"""

from __future__ import annotations

from typing import Annotated

import strawberry

from chassis.api.context import Info
from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect
from chassis.api.rights import right
from chassis.explanation.api import AccessExplanation, page_of_explanations, question_of, user_after
from chassis.explanation.decisions import Explanation, Question, explain, holders
from identity.core.api.ids import uuid
from identity.core.domain.ids import UserId
from identity.people.api.types import User, user_of
from identity.policy.domain.rule import refuse_unknown_question

Object = Annotated[
    str,
    strawberry.argument(description="An object of the rulebook that is no field, as `Customer`."),
]
Action = Annotated[str, strawberry.argument(description="An action of the rulebook on the object.")]
Field = Annotated[
    str | None,
    strawberry.argument(
        description="A sensitive field of the rulebook, as `Contact.mobile`: whether and how it is "
        "shown."
    ),
]


@strawberry.type(description="A user with access, and the reason.")
class AccessHolder:
    """A user with access, and the reason."""

    explanation: AccessExplanation = strawberry.field(description="Why the user has access.")
    user_id: strawberry.Private[UserId]

    @strawberry.field(description="The user with access.", metadata=right("User"))
    async def user(self, info: Info) -> User | None:
        """Return the user with access."""
        return await user_of(info, self.user_id)

    @classmethod
    def of(cls, explained: Explanation, locale: str) -> AccessHolder:
        """Convert a value to the GraphQL type."""
        explanation = AccessExplanation.of(explained, locale)
        return cls(explanation=explanation, user_id=UserId(explained.user_id))


@strawberry.type
class AccessQuery:
    """Queries of accesses."""

    @strawberry.field(
        description="Explain whether the policy permits a user an action on an object, on which "
        "rows, and why or why not. For one customer use `explainCustomerAccess`.",
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
        """Explain what the policy permits a user on an object."""
        question = _question(object, action, field)
        explained = explain(info.context.policy, uuid(user_id, "userId"), question)
        return AccessExplanation.of(explained, info.context.locale)

    @strawberry.field(
        description="All users whom the policy permits an action on an object, on some rows at "
        "least, each with the reason. For one customer use `whoCanAccessCustomer`.",
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
        """Return one page of the users whom the policy permits an action, with reasons."""
        ctx, window = info.context, Window(first, after)
        question = _question(object, action, field)
        explanations = holders(ctx.policy, question, after=user_after(window))
        return connect(  # type: ignore[no-any-return]  # connect returns Any
            await page_of_explanations(explanations, window),
            lambda explained: AccessHolder.of(explained, ctx.locale),
        )


def _question(object: str, action: str, field: str | None) -> Question:
    """Return the question, checked so that a typing mistake is no verdict. Raises `BadInput`."""
    refuse_unknown_question(object, action, field)
    return question_of(object, action, field)
