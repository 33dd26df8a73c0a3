"""The closed family of errors a client may meet; each code is part of the API (docs/errors.md).

An error says what is wrong in English and in Chinese. Its text is for the client and holds only
what the client may know; everything else goes to the log.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar


class HuichiError(Exception):
    """The root of the family. Only its subclasses are raised."""

    code: ClassVar[str]
    status: ClassVar[int]

    def __init__(self, en: str, zh: str, *, field: str | None = None, **extra: Any) -> None:
        super().__init__(en)
        self.en = en
        self.zh = zh
        self.field = field
        self.extra = extra
        self.also: tuple[HuichiError, ...] = ()

    def message(self, locale: str) -> str:
        """The text in the reader's language ("zh" or "en")."""
        return self.zh if locale.startswith("zh") else self.en

    def each(self) -> Iterator[HuichiError]:
        """This refusal and those of other fields that were found together with it."""
        yield self
        yield from self.also


class BadInput(HuichiError):
    """An input is wrong: names the field, what is wrong with the value, and what would be right."""

    code = "BAD_INPUT"
    status = 400


class NotFound(HuichiError):
    """Nothing with this id exists, or it is not for this reader to know that it does."""

    code = "NOT_FOUND"
    status = 404


class Conflict(HuichiError):
    """Somebody else was first: read again and decide again. `version` is the present one."""

    code = "CONFLICT"
    status = 409


class Gone(HuichiError):
    """It was there and is not to be had any more: revoked, expired or used up."""

    code = "GONE"
    status = 410


class Denied(HuichiError):
    """The policy does not permit this action to this person."""

    code = "FORBIDDEN"
    status = 403


class Unauthenticated(HuichiError):
    """Nobody is signed in, or the token is expired or not ours."""

    code = "UNAUTHENTICATED"
    status = 401


class LimitExceeded(HuichiError):
    """The request is larger, deeper or costlier than one request may be."""

    code = "LIMIT_EXCEEDED"
    status = 400


class Throttled(HuichiError):
    """Too many requests: come back after `retry_after` seconds."""

    code = "RATE_LIMITED"
    status = 429


class Unavailable(HuichiError):
    """A part that is needed does not answer now; the same request may succeed later."""

    code = "UNAVAILABLE"
    status = 503


class Internal(HuichiError):
    """A mistake of ours. The client gets the trace id, the log gets the rest."""

    code = "INTERNAL"
    status = 500


FAMILY: tuple[type[HuichiError], ...] = (
    BadInput,
    NotFound,
    Conflict,
    Gone,
    Denied,
    Unauthenticated,
    LimitExceeded,
    Throttled,
    Unavailable,
    Internal,
)


def internal() -> Internal:
    """What a client is told when the mistake is ours."""
    return Internal(
        "Something went wrong on our side. Quote the trace id when you report it.",
        "系统内部出错。反馈问题时请附上追踪编号。",
    )


def unavailable() -> Unavailable:
    """What a client is told while a store behind the service is away."""
    return Unavailable(
        "A store behind this service does not answer now; try again in a moment.",
        "服务依赖的存储暂不可用，请稍后再试。",
    )
