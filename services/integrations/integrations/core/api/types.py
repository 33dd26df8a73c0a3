"""GraphQL types that several capabilities use: users, failure reasons and protected JSON."""

from __future__ import annotations

import strawberry
from strawberry.federation.schema_directives import Key
from strawberry.federation.types import FieldSet
from strawberry.scalars import JSON

from chassis.api.sensitive import Sensitive
from chassis.api.visibility import Visibility
from integrations.core.domain.failure import Failure

PAYLOAD = Sensitive(level="L3", by=["SourceRecord.payload"])


@strawberry.federation.type(
    keys=[Key(fields=FieldSet("id"), resolvable=False)],
    description="A user of the enterprise; every other field comes from the identity service.",
)
class User:
    """A reference to a user; identity resolves it."""

    id: strawberry.ID = strawberry.federation.field(description="The user's id.")


@strawberry.type(description="The reason of a failure, and what to do about it.")
class Reason:
    """A failure in the language of the request."""

    code: str = strawberry.field(description="A stable code for programs.")
    message: str = strawberry.field(
        description="An explanation for people, in the language of the request."
    )
    fix: str | None = strawberry.field(description="What would resolve the failure.")


@strawberry.type(description="JSON that may hold personal data, as far as the caller may see it.")
class ProtectedJson:
    """JSON in clear, masked or hidden."""

    value: JSON | None = strawberry.field(
        description="The JSON; with MASKED every value is replaced by ***, with HIDDEN it is null."
    )
    visibility: Visibility = strawberry.field(description="How much of the JSON is shown.")


def reason_of(failure: Failure, locale: str) -> Reason:
    """Return a failure in the language of the request."""
    return stored_reason(
        locale, failure.code, failure.en, failure.zh, failure.fix_en, failure.fix_zh
    )


def stored_reason(
    locale: str,
    code: str,
    message_en: str | None,
    message_zh: str | None,
    fix_en: str | None = None,
    fix_zh: str | None = None,
) -> Reason:
    """Return a failure that was stored in both languages in the language of the request."""
    chinese = locale.startswith("zh")
    message = message_zh if chinese else message_en
    return Reason(code=code, message=message or "", fix=fix_zh if chinese else fix_en)
