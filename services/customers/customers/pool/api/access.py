"""Who may do what with one customer, and why: asked of the policy this service enforces, about the
row it decides on. What hangs on a customer follows the customer's row in every service.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import strawberry

from chassis.api.context import Info
from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect
from chassis.api.rights import right
from chassis.errors import BadInput, NotFound
from chassis.explanation.api import AccessExplanation, asked, one_page, person_after
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
# Of this service: they are read through their customer, so the customer must be readable too.
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
        description=f"The customer, or what hangs on it and follows it: {', '.join(OBJECTS)}."
    ),
]
Action = Annotated[
    str, strawberry.argument(description="What is to be done; an action that `rulebook` lists.")
]
Field = Annotated[
    str | None,
    strawberry.argument(
        description=f"A sensitive field: is it shown, how open? One of {', '.join(FIELDS)}. The "
        "customer's own phone and email are guarded like those of a contact."
    ),
]


@strawberry.type(description="Somebody who may do something with a customer, and why.")
class CustomerAccessHolder:
    user: User | None = strawberry.field(description="Who may.")
    explanation: AccessExplanation = strawberry.field(description="Why they may.")

    @classmethod
    def of(cls, said: Explanation, locale: str) -> CustomerAccessHolder:
        return cls(user=User.of(said.user_id), explanation=AccessExplanation.of(said, locale))


@strawberry.type
class AccessQuery:
    @strawberry.field(
        description="Whether a user may do something with this customer, and why (not): the rules "
        "that have a say, and which of their conditions the customer meets. Shows nothing of the "
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
        question = _question(object, action, field)
        row = await _row(info, customer_id)
        said = explain(info.context.policy, uuid(user_id, "userId"), question, row)
        return AccessExplanation.of(said, info.context.locale)

    @strawberry.field(
        description="Everybody who may do something with this customer, each with the reason.",
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
        ctx, window = info.context, Window(first, after)
        question = _question(object, action, field)
        start = person_after(window)
        row = await _row(info, customer_id)
        found = holders(ctx.policy, question, row, after=start)
        return connect(  # type: ignore[no-any-return]  # the connection asked for
            await one_page(found, window), lambda said: CustomerAccessHolder.of(said, ctx.locale)
        )


async def _row(info: Info, customer_id: str) -> RowAccess:
    """Who has to do with the customer, whoever asks; of one that was merged, the survivor's."""
    id = uuid(customer_id, "customerId")
    found = await info.context.loaders_of(PoolLoaders).access.load(id)
    if found is None:
        raise NotFound(f"No customer {id} exists.", f"未找到客户 {id}。", field="customerId")
    return found


def _question(object: str, action: str, field: str | None) -> Question:
    _one_of(object, OBJECTS, "object")
    if field is not None:
        _one_of(field, FIELDS, "field")
    return asked(object, action, field, "Customer" if object in WITHIN else None)


def _one_of(value: str, allowed: Sequence[str], field: str) -> None:
    if value not in allowed:
        raise BadInput(
            f"{field} is {value!r}; about a customer these can be asked: {', '.join(allowed)}.",
            f"{field} 为 {value!r}，可查询：{'、'.join(allowed)}。",
            field=field,
        )
