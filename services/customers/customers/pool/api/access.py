"""Explain who may do what with a customer, by the policy enforced on the customer's row.

What belongs to a customer, such as its contacts or tasks, follows the customer's row in every
service.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import strawberry

from chassis.api.context import Info
from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect
from chassis.api.rights import right
from chassis.errors import BadInput, NotFound
from chassis.explanation.api import AccessExplanation, page_of_explanations, question_of, user_after
from chassis.explanation.decisions import Explanation, Question, explain, holders
from chassis.policy.row_scopes import RowAccess
from customers.core.api.arguments import CustomerId
from customers.core.api.ids import uuid
from customers.core.api.stubs import User
from customers.pool.api.loaders import PoolLoaders
from customers.pool.domain.fields import (
    CREDIT_CODE_COORDINATE,
    EMAIL_COORDINATE,
    MOBILE_COORDINATE,
    NAME_COORDINATE,
)

OBJECTS = ("Customer", "Contact", "Tag", "FollowUp", "Task", "SourceRecord")
# These are read through their customer, so the customer must be readable, too.
WITHIN = ("Contact", "Tag")
FIELDS = (
    CREDIT_CODE_COORDINATE,
    NAME_COORDINATE,
    MOBILE_COORDINATE,
    EMAIL_COORDINATE,
    "SourceRecord.payload",
)
Object = Annotated[
    str,
    strawberry.argument(
        description=f"The kind of object, the customer or what belongs to it: {', '.join(OBJECTS)}."
    ),
]
Action = Annotated[
    str, strawberry.argument(description="The action, one that `rulebook` lists for the object.")
]
Field = Annotated[
    str | None,
    strawberry.argument(
        description="A sensitive field, to explain how openly it is shown: one of "
        f"{', '.join(FIELDS)}. The customer's own phone and email are guarded like those of a "
        "contact."
    ),
]


@strawberry.type(description="A user who may do something with a customer, with the reasons.")
class CustomerAccessHolder:
    """A user with access to a customer."""

    user: User | None = strawberry.field(description="The user.")
    explanation: AccessExplanation = strawberry.field(
        description="The rules that permit the access."
    )

    @classmethod
    def of(cls, explanation: Explanation, locale: str) -> CustomerAccessHolder:
        """Build a holder with the explanation in the caller's language."""
        return cls(
            user=User.of(explanation.user_id),
            explanation=AccessExplanation.of(explanation, locale),
        )


@strawberry.type
class AccessQuery:
    """Queries that explain access to customers."""

    @strawberry.field(
        description="Explain whether and why a user may do something with a customer: the rules "
        "that apply, and which of their conditions the customer meets. Discloses nothing of the "
        "customer itself, so it takes the right to read the policy, not the customer.",
        metadata=right("Rule"),
    )
    async def explain_customer_access(
        self,
        info: Info,
        user_id: Annotated[strawberry.ID, strawberry.argument(description="The user's id.")],
        customer_id: CustomerId,
        object: Object = "Customer",
        action: Action = "read",
        field: Field = None,
    ) -> AccessExplanation:
        """Explain the access of one user to one customer."""
        question = _question(object, action, field)
        row = await _row(info, customer_id)
        explanation = explain(info.context.policy, uuid(user_id, "userId"), question, row)
        return AccessExplanation.of(explanation, info.context.locale)

    @strawberry.field(
        description="All users who may do something with a customer, each with the reasons.",
        metadata=right("Rule"),
    )
    async def who_can_access_customer(
        self,
        info: Info,
        customer_id: CustomerId,
        object: Object = "Customer",
        action: Action = "read",
        field: Field = None,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[CustomerAccessHolder]:
        """Return a page of the users who have access to one customer."""
        ctx, window = info.context, Window(first, after)
        question = _question(object, action, field)
        start = user_after(window)
        row = await _row(info, customer_id)
        explanations = holders(ctx.policy, question, row, after=start)
        connection: Connection[CustomerAccessHolder] = connect(
            await page_of_explanations(explanations, window),
            lambda explanation: CustomerAccessHolder.of(explanation, ctx.locale),
        )
        return connection


async def _row(info: Info, customer_id: str) -> RowAccess:
    """Load the access data of a customer without a scope; of a merged one, the survivor's."""
    id = uuid(customer_id, "customerId")
    access = await info.context.loaders_of(PoolLoaders).access.load(id)
    if access is None:
        raise NotFound(f"Customer {id} does not exist.", f"客户 {id} 不存在。", field="customerId")
    return access


def _question(object: str, action: str, field: str | None) -> Question:
    _refuse_unknown(object, OBJECTS, "object")
    if field is not None:
        _refuse_unknown(field, FIELDS, "field")
    return question_of(object, action, field, "Customer" if object in WITHIN else None)


def _refuse_unknown(value: str, allowed: Sequence[str], field: str) -> None:
    if value not in allowed:
        raise BadInput(
            f"{field} is {value!r}; it must be one of {', '.join(allowed)}.",
            f"{field} 为 {value!r}，只能是 {'、'.join(allowed)} 之一。",
            field=field,
        )
