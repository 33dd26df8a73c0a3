"""Users belong to identity; here they are only pointed at. Whoever points may find nobody: a field
of another service's type is nullable, or its outage would take our rows along."""

from __future__ import annotations

import strawberry
from strawberry.federation.schema_directives import Key
from strawberry.federation.types import FieldSet


@strawberry.federation.type(
    keys=[Key(fields=FieldSet("id"), resolvable=False)],
    description="A person who works here; everything about them comes from identity.",
)
class User:
    id: strawberry.ID = strawberry.federation.field(description="The user's id.")
