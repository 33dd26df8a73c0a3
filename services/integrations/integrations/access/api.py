"""The customer as this service knows it: an id that upper capabilities add fields to."""

from __future__ import annotations

import strawberry

from integrations.core.api.ids import uuid


@strawberry.federation.type(
    keys=["id"], description="A customer, with what the integrations service adds to it."
)
class Customer:
    """A reference to a customer; its sources and their records are added by extensions."""

    id: strawberry.ID = strawberry.field(description="The customer's id.")

    @classmethod
    def resolve_reference(cls, id: strawberry.ID) -> Customer:
        """Return the customer of a federation reference. Raises `BadInput` for a malformed id."""
        uuid(id, "id")
        return cls(id=id)
