"""Arguments that many mutations take, described once."""

from __future__ import annotations

from typing import Annotated

import strawberry

ExpectedVersion = Annotated[
    int | None,
    strawberry.argument(description="Refuse with CONFLICT if this is not the present version."),
]
PolicyVersion = Annotated[
    int,
    strawberry.argument(
        description="The `policyVersion` the change was thought out for; CONFLICT if it is another."
    ),
]
IdempotencyKey = Annotated[
    str | None,
    strawberry.argument(description="Sent again with the same key, it is not done again (7 days)."),
]
