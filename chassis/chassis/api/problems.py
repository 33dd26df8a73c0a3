"""Expected refusals of a mutation are part of its answer: payloads carry `errors`."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar

import strawberry

from chassis.errors import Denied, HuichiError, Internal, Unauthenticated, Unavailable

P = ParamSpec("P")
T = TypeVar("T")


@strawberry.federation.type(
    shareable=True, description="Why a write was refused; nothing of it was done."
)
class UserError:
    code: str = strawberry.field(description="One of the codes in docs/errors.md.")
    message: str = strawberry.field(
        description="For people, in the language of the request (Accept-Language: zh or en)."
    )
    path: list[str] = strawberry.field(description="The input field it is about; may be empty.")
    conflict_version: int | None = strawberry.field(
        default=None, description="With CONFLICT: the version that is present now."
    )


def user_error(problem: HuichiError, locale: str) -> UserError:
    """The refusal as the client reads it."""
    version = problem.extra.get("version")
    return UserError(
        code=problem.code,
        message=problem.message(locale),
        path=problem.field.split(".") if problem.field else [],
        conflict_version=version if isinstance(version, int) else None,
    )


def answers(
    payload: type[T],
) -> Callable[[Callable[P, Awaitable[T]]], Callable[P, Awaitable[T]]]:
    """A mutation whose refusals become `payload(errors=[…])`; its other fields stay null.

    What no change of the input would mend (our own mistake, a part that is down, nobody signed in)
    stays an error of the whole field.
    """

    def around(resolver: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        @functools.wraps(resolver)
        async def answer(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                return await resolver(*args, **kwargs)
            except (Internal, Unavailable, Unauthenticated):
                raise
            except HuichiError as problem:
                info: Any = kwargs.get("info") or next(
                    a for a in args if hasattr(a, "context") and hasattr(a, "schema")
                )
                if isinstance(problem, Denied):
                    info.context.note_refusal(problem)
                locale = info.context.locale
                return payload(errors=[user_error(one, locale) for one in problem.each()])  # type: ignore[call-arg]

        return answer

    return around
