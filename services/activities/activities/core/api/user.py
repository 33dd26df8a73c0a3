"""The stub of a user, who belongs to identity.

A field of another service's type is nullable: otherwise an outage of that service would remove our
rows from the answer as well.
"""

from __future__ import annotations

import strawberry
from strawberry.federation.schema_directives import Key
from strawberry.federation.types import FieldSet

from activities.core.domain.ids import UserId


@strawberry.federation.type(
    keys=[Key(fields=FieldSet("id"), resolvable=False)],
    description="A user of the enterprise; every field but the id is resolved by identity.",
)
class User:
    """A reference to a user, without any data of theirs."""

    id: strawberry.ID = strawberry.federation.field(description="The user's id.")

    @classmethod
    def of(cls, id: UserId | None) -> User | None:
        """Return the reference to a user, or `None` where no user is recorded."""
        return cls(id=strawberry.ID(str(id))) if id else None
