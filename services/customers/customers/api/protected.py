"""A sensitive value as its reader may see it: never a bare null."""

from __future__ import annotations

import strawberry

from chassis.policy.guard import Protected, Visibility

strawberry.enum(
    Visibility,
    description="CLEAR: all of the value. MASKED: part of it. HIDDEN: none of it, not even "
    "whether there is one.",
)


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
