"""Arguments that many mutations have in common."""

from __future__ import annotations

from typing import Annotated

import strawberry

ExpectedVersion = Annotated[
    int | None,
    strawberry.argument(
        description="The `version` as you read it; CONFLICT if it is not the present one."
    ),
]
PolicyVersion = Annotated[
    int,
    strawberry.argument(
        description="The `policyVersion` as you read it; CONFLICT if it is not the present one."
    ),
]
IdempotencyKey = Annotated[
    str | None,
    strawberry.argument(
        description="A repeat with the same key within 7 days is not executed again."
    ),
]
