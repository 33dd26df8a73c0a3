"""Expected errors of a mutation are part of its answer: payloads carry `errors`."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar

import strawberry

from chassis.errors import Denied, HuichiError, Internal, Unauthenticated, Unavailable

P = ParamSpec("P")
T = TypeVar("T")


@strawberry.federation.type(
    shareable=True, description="Why a mutation was refused; it changed nothing."
)
class UserError:
    """An error in the payload of a mutation."""

    code: str = strawberry.field(description="One of the codes in docs/errors.md.")
    message: str = strawberry.field(
        description="The text for users, in the language of the request (Accept-Language: zh, en)."
    )
    path: list[str] = strawberry.field(
        description="The path of the input field in error; may be empty."
    )
    conflict_version: int | None = strawberry.field(
        default=None, description="With CONFLICT: the present version."
    )


def user_error(problem: HuichiError, locale: str) -> UserError:
    """Return an error as the client reads it, in the language of `locale`."""
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
    """Return the decorator of a mutation whose errors become `payload(errors=[…])`.

    Errors that no change of the input would repair (`Internal`, `Unavailable`, `Unauthenticated`)
    stay errors of the whole field.
    """

    def decorate(resolver: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        @functools.wraps(resolver)
        async def resolve(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                return await resolver(*args, **kwargs)
            except (Internal, Unavailable, Unauthenticated):
                raise
            except HuichiError as problem:
                info: Any = kwargs.get("info") or next(
                    argument
                    for argument in args
                    if hasattr(argument, "context") and hasattr(argument, "schema")
                )
                if isinstance(problem, Denied):
                    info.context.note_refusal(problem)
                locale = info.context.locale
                errors = [user_error(error, locale) for error in problem.each()]
                return payload(errors=errors)  # type: ignore[call-arg]

        return resolve

    return decorate
