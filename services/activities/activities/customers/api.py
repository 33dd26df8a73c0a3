"""The customer as this service knows it, and the interface of everything that happens around one.

Whether a customer exists is no secret of this service: it answers with the id it was given, and
every list that upper capabilities add is filtered by the reader's scope. Those fields may be null,
so that a customer is still there when this service is not.
"""

from __future__ import annotations

from datetime import datetime

import strawberry

from activities.core.api.ids import uuid
from activities.core.api.user import User
from activities.core.domain.ids import CustomerId

CUSTOMER = (
    "The customer this belongs to; after a merge, the surviving one. Null where you may not see it."
)


@strawberry.federation.type(
    keys=["id"], description="A customer, with its follow-ups, tasks and timeline."
)
class Customer:
    """A customer by its key; tasks, follow_ups and timeline add their fields in schema.py."""

    id: strawberry.ID = strawberry.field(description="The customer's id.")

    @classmethod
    def resolve_reference(cls, id: strawberry.ID) -> Customer:
        """Return the customer of this id without looking for it. Raise `BadInput` for no id."""
        uuid(id, "id")
        return cls(id=id)

    @classmethod
    def of(cls, id: CustomerId) -> Customer:
        """Return the reference to a customer."""
        return cls(id=strawberry.ID(str(id)))

    @property
    def key(self) -> CustomerId:
        """Return the id as a UUID."""
        return CustomerId(uuid(self.id, "id"))


@strawberry.interface(description="Something that happened around a customer.")
class Activity:
    """What all entries of a timeline have in common."""

    id: strawberry.ID = strawberry.field(description="The activity's id.")
    occurred_at: datetime = strawberry.field(description="When it happened.")
    summary: str = strawberry.field(
        description="What happened, in a few words; may contain personal data."
    )
    actor: User | None = strawberry.field(
        description="The user who did it; null where the system did."
    )
    customer: Customer | None = strawberry.field(description=CUSTOMER)
