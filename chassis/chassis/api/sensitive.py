"""The directive that marks sensitive fields, arguments and inputs in the schema.

On a field it says that the value is redacted by the reader's rights; on an argument or an input,
that it holds a value of such a field.

    payer: ProtectedText = strawberry.field(
        directives=[Sensitive(level="L3", by=["Invoice.payer"])]
    )

Contract tests check that the code follows it, and the matrix of redactions is generated from it.
"""

from __future__ import annotations

import strawberry
from strawberry.federation.schema_directive import Location, schema_directive


@schema_directive(
    name="sensitive",
    locations=[
        Location.FIELD_DEFINITION,
        Location.ARGUMENT_DEFINITION,
        Location.INPUT_FIELD_DEFINITION,
    ],
    description="A sensitive value: it is shown, compared and searched as far as the reader has a "
    "right to one of the policy objects that `by` names.",
    compose=True,
    import_url="https://huichi.internal/sensitive/v1.0",
)
class Sensitive:
    """The level of a sensitive value, and the policy objects that guard it."""

    level: str = strawberry.directive_field(name="level")
    """L2: data of an organisation. L3: personal data."""
    by: list[str] = strawberry.directive_field(name="by")
    """Objects of the policy, as `rulebook` lists them."""
