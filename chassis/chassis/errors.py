"""The closed set of errors a client may get; each code is part of the API (docs/errors.md).

An error says what is wrong in English and in Chinese. Its text is for the client and holds only
what the client may know; everything else goes to the log.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar


class HuichiError(Exception):
    """The base class; only its subclasses are raised."""

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
        """Return the text in a language ("zh" or "en")."""
        return self.zh if locale.startswith("zh") else self.en

    def each(self) -> Iterator[HuichiError]:
        """Yield this error and those of other fields that were detected together with it."""
        yield self
        yield from self.also


class BadInput(HuichiError):
    """An input is wrong; the text names the field, the error, and what would be right."""

    code = "BAD_INPUT"
    status = 400


class NotFound(HuichiError):
    """No object with this id exists, or the caller may not know that it does."""

    code = "NOT_FOUND"
    status = 404


class Conflict(HuichiError):
    """The object was changed meanwhile: read it again. `version` is the present one."""

    code = "CONFLICT"
    status = 409


class Gone(HuichiError):
    """The object existed and is no longer available: revoked, expired or used up."""

    code = "GONE"
    status = 410


class Denied(HuichiError):
    """The policy does not permit this action to the caller."""

    code = "FORBIDDEN"
    status = 403


class Unauthenticated(HuichiError):
    """The request has no token, or its token is expired or not valid."""

    code = "UNAUTHENTICATED"
    status = 401


class LimitExceeded(HuichiError):
    """The request is larger, deeper or costlier than one request may be."""

    code = "LIMIT_EXCEEDED"
    status = 400


class Throttled(HuichiError):
    """Too many requests: retry after `retry_after` seconds."""

    code = "RATE_LIMITED"
    status = 429


class Unavailable(HuichiError):
    """A required part does not answer now; the same request may succeed later."""

    code = "UNAVAILABLE"
    status = 503


class Internal(HuichiError):
    """An error in our code. The client gets the trace id, the log gets the rest."""

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
    """Return the error for a client when our code failed."""
    return Internal(
        "An internal error occurred; quote the trace id when you report it.",
        "系统内部出错。反馈问题时请附上追踪编号。",
    )


def unavailable() -> Unavailable:
    """Return the error for a client while PostgreSQL or Valkey is down."""
    return Unavailable(
        "A database of this service does not answer now; try again in a moment.",
        "服务依赖的数据库暂不可用，请稍后再试。",
    )
