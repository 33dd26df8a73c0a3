"""Arguments that many mutations take, described once, and the retry of conflicting writes."""

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
    strawberry.argument(
        description="The version the caller has read; CONFLICT if it is not the present one."
    ),
]
IdempotencyKey = Annotated[
    str | None,
    strawberry.argument(
        description="A key of the caller's choice; a mutation that is repeated with the same key "
        "within 7 days returns the first result and writes nothing."
    ),
]
CustomerId = Annotated[
    strawberry.ID,
    strawberry.argument(description="The customer's id, or one that was merged into it."),
]

_TRIES = 4
# Serialization failure, deadlock, unique violation: another transaction was in the way for a
# moment.
_RETRYABLE = frozenset({"40001", "40P01", "23505"})


async def write_with_retry(
    ctx: Context,
    command: Callable[Concatenate[Session, P], T],
    /,
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Run a command as one transaction, again where it conflicted with another one."""
    for tries_left in reversed(range(_TRIES)):
        try:
            return await ctx.write(command, *args, **kwargs)
        except DBAPIError as problem:
            if tries_left == 0 or not is_retryable(problem):
                raise
    raise AssertionError("the last try returns or raises")


def is_retryable(problem: DBAPIError) -> bool:
    """Check whether the same transaction may succeed when it is run again."""
    return isinstance(problem.orig, psycopg.Error) and problem.orig.sqlstate in _RETRYABLE
