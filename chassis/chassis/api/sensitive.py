"""What is sensitive says so where it stands, and the schema shows it: on a field, that it answers under the
reader's rights; on an argument or an input, that it names what such a field holds.

    payer: ProtectedText = strawberry.field(directives=[Sensitive(level="L3", by=["Invoice.payer"])])

The contract tests hold the code to it, and the matrix of redactions is generated from it.
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
    description="Personal or otherwise protected: shown, compared and searched under the reader's "
    "rights to one of the objects of the policy that `by` names.",
    compose=True,
    import_url="https://huichi.internal/sensitive/v1.0",
)
class Sensitive:
    level: str = strawberry.directive_field(name="level")
    """L2: about an organisation. L3: about a person."""
    by: list[str] = strawberry.directive_field(name="by")
    """Objects of the policy, as `rulebook` lists them."""
