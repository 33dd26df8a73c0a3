"""Arguments that many mutations take, described once, and how a write is tried again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Concatenate, ParamSpec, TypeVar

import psycopg
import strawberry
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from chassis.api.context import Context

P = ParamSpec("P")
T = TypeVar("T")

ExpectedVersion = Annotated[
    int | None,
    strawberry.argument(description="Refuse with CONFLICT if this is not the present version."),
]
IdempotencyKey = Annotated[
    str | None,
    strawberry.argument(description="Sent again with the same key, it is not done again (7 days)."),
]
CustomerId = Annotated[
    strawberry.ID,
    strawberry.argument(description="The customer's id; one that was merged away still works."),
]

_TRIES = 4
# Serialization failure, deadlock, unique violation: somebody else was in the way, not for good.
_AGAIN = frozenset({"40001", "40P01", "23505"})


async def write_with_retry(
    ctx: Context,
    command: Callable[Concatenate[Session, P], T],
    /,
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Runs a command as one transaction; one that met another one in its way is run again."""
    for left in reversed(range(_TRIES)):
        try:
            return await ctx.write(command, *args, **kwargs)
        except DBAPIError as problem:
            if left == 0 or not is_retryable(problem):
                raise
    raise AssertionError("the last try returns or raises")


def is_retryable(problem: DBAPIError) -> bool:
    """Whether the same transaction may well succeed when it is run again."""
    return isinstance(problem.orig, psycopg.Error) and problem.orig.sqlstate in _AGAIN
