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

Show = Callable[[RowAccess, str | None], Protected]

CREDIT_CODE = Sensitive(level="L2", by=[CREDIT_CODE_COORDINATE])
MOBILE = Sensitive(level="L3", by=[MOBILE_COORDINATE])
EMAIL = Sensitive(level="L3", by=[EMAIL_COORDINATE])
NAME = Sensitive(level="L3", by=[NAME_COORDINATE])
SOME_FIELD = Sensitive(level="L3", by=[CREDIT_CODE_COORDINATE, MOBILE_COORDINATE, EMAIL_COORDINATE])
"""Of a value whose field another field names."""
A_RECORD = Sensitive(level="L3", by=[*SOME_FIELD.by, NAME_COORDINATE])
"""Of whole records."""


@strawberry.federation.type(
    shareable=True,
    description="A sensitive value under the reader's rights. A null text that is CLEAR means "
    "there is no value.",
)
class ProtectedText:
    text: str | None = strawberry.field(description="As much of the value as may be shown.")
    visibility: Visibility = strawberry.field(description="How much of it that is.")

    @classmethod
    def of(cls, value: Protected) -> ProtectedText:
        return cls(text=value.text, visibility=value.visibility)

    @classmethod
    def asked(cls, show: Show, row: RowAccess, text: str | None) -> ProtectedText:
        """The value as it is when somebody asks for it. What nobody selected is neither redacted
        nor told to the audit ledger as read."""
        return _Asked(show, row, text)


class _Asked(ProtectedText):
    def __init__(self, show: Show, row: RowAccess, text: str | None) -> None:
        self._asked = (show, row, text)

    @cached_property
    def _value(self) -> Protected:
        show, row, text = self._asked
        return show(row, text)

    @property
    def text(self) -> str | None:  # type: ignore[override]  # read when the answer is made
        return self._value.text

    @property
    def visibility(self) -> Visibility:  # type: ignore[override]  # read when the answer is made
        return self._value.visibility
