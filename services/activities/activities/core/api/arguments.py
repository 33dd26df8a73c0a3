"""Arguments that several capabilities declare alike."""

from __future__ import annotations

from typing import Annotated

import strawberry

IDEMPOTENCY_KEY = (
    "A key of your choice. A request repeated with the same key within 7 days returns the first "
    "result and changes nothing."
)

IdempotencyKey = Annotated[str | None, strawberry.argument(description=IDEMPOTENCY_KEY)]
ExpectedVersion = Annotated[
    int | None,
    strawberry.argument(
        description="The version you read; the change is refused with CONFLICT if the present "
        "version is another. Left out: any version."
    ),
]
TimeZone = Annotated[
    str,
    strawberry.argument(
        description="The IANA name of the time zone whose calendar `due` refers to."
    ),
]
DEFAULT_TIME_ZONE = "Asia/Shanghai"
ERRORS = "Why nothing was changed; empty after a success."
VERSION = "Grows by one with every change; pass it as `expectedVersion` when you write."
