"""A sensitive value as its reader may see it: never a bare null."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import strawberry

from chassis.api.sensitive import Sensitive
from chassis.api.visibility import Visibility
from chassis.policy.masks import Protected
from chassis.policy.row_scopes import RowAccess
from customers.pool.domain.fields import (
    CREDIT_CODE_COORDINATE,
    EMAIL_COORDINATE,
    MOBILE_COORDINATE,
    NAME_COORDINATE,
)

Redactor = Callable[[RowAccess, str | None], Protected]
"""Redact one value of one row for a reader."""

CREDIT_CODE = Sensitive(level="L2", by=[CREDIT_CODE_COORDINATE])
MOBILE = Sensitive(level="L3", by=[MOBILE_COORDINATE])
EMAIL = Sensitive(level="L3", by=[EMAIL_COORDINATE])
NAME = Sensitive(level="L3", by=[NAME_COORDINATE])
ANY_FIELD = Sensitive(level="L3", by=[CREDIT_CODE_COORDINATE, MOBILE_COORDINATE, EMAIL_COORDINATE])
"""Of a value whose field is named by another field."""
WHOLE_RECORD = Sensitive(level="L3", by=[*ANY_FIELD.by, NAME_COORDINATE])
"""Of a value that may hold a whole record."""


@strawberry.federation.type(
    shareable=True,
    description="A sensitive value under the reader's rights. A null text that is CLEAR means "
    "there is no value.",
)
class ProtectedText:
    """A sensitive value, redacted for its reader."""

    text: str | None = strawberry.field(
        description="The value, masked or withheld as `visibility` says."
    )
    visibility: Visibility = strawberry.field(
        description="Whether the value is shown in clear, masked or hidden."
    )

    @classmethod
    def of(cls, value: Protected) -> ProtectedText:
        """Wrap a value that is redacted already."""
        return cls(text=value.text, visibility=value.visibility)

    @classmethod
    def deferred(cls, redactor: Redactor, row: RowAccess, text: str | None) -> ProtectedText:
        """Wrap a value that is redacted when the response reads it.

        A value that was not selected is neither redacted nor recorded in the audit ledger as read.
        """
        return _DeferredText(redactor, row, text)


class _DeferredText(ProtectedText):
    """A sensitive value that is redacted at its first reading."""

    def __init__(self, redactor: Redactor, row: RowAccess, text: str | None) -> None:
        self._arguments = (redactor, row, text)

    @cached_property
    def _value(self) -> Protected:
        redactor, row, text = self._arguments
        return redactor(row, text)

    @property
    def text(self) -> str | None:  # type: ignore[override]  # read when the response is made
        """Return the redacted text."""
        return self._value.text

    @property
    def visibility(self) -> Visibility:  # type: ignore[override]  # read when the response is made
        """Return how openly the value is shown."""
        return self._value.visibility
