"""The closed lists of words of this subgraph, named before any field speaks of them."""

from __future__ import annotations

from enum import Enum

import strawberry


@strawberry.enum(description="What a customer is.")
class CustomerKind(Enum):
    ORGANIZATION = strawberry.enum_value("ORGANIZATION", description="A company or institution.")
    PERSON = strawberry.enum_value("PERSON", description="A natural person.")


@strawberry.enum(description="Where a customer stands.")
class Lifecycle(Enum):
    LEAD = strawberry.enum_value("LEAD", description="Known by name; nobody has checked yet.")
    PROSPECT = strawberry.enum_value("PROSPECT", description="Interest is confirmed.")
    ACTIVE = strawberry.enum_value("ACTIVE", description="Buys or is being served.")
    DORMANT = strawberry.enum_value("DORMANT", description="Was not contacted for long.")
    ARCHIVED = strawberry.enum_value("ARCHIVED", description="Kept for the record.")
    BLOCKED = strawberry.enum_value("BLOCKED", description="No business is done with it.")


@strawberry.enum(description="How a list of customers is sorted.")
class CustomerSort(Enum):
    UPDATED_AT_DESC = strawberry.enum_value("UPDATED_AT_DESC", description="Last changed first.")
    CREATED_AT_DESC = strawberry.enum_value("CREATED_AT_DESC", description="Newest first.")
    NAME_ASC = strawberry.enum_value("NAME_ASC", description="By name, in code point order.")


@strawberry.enum(description="What became of one record.")
class AbsorbResult(Enum):
    CREATED = strawberry.enum_value("CREATED", description="A new customer.")
    UPDATED = strawberry.enum_value("UPDATED", description="Known by its link; said something new.")
    UNCHANGED = strawberry.enum_value("UNCHANGED", description="Said before, word for word.")
    MATCHED = strawberry.enum_value("MATCHED", description="A new source of a known customer.")
    AMBIGUOUS = strawberry.enum_value(
        "AMBIGUOUS", description="A customer of its own until a steward decides."
    )
    REJECTED = strawberry.enum_value(
        "REJECTED", description="Wrong in itself; nothing was written."
    )


@strawberry.enum(description="How one field speaks about two customers.")
class Agreement(Enum):
    AGREES = strawberry.enum_value("AGREES", description="The same.")
    SIMILAR = strawberry.enum_value("SIMILAR", description="Alike, not the same.")
    CONTRADICTS = strawberry.enum_value("CONTRADICTS", description="Different.")


@strawberry.enum(description="What was decided about two customers that may be one.")
class CandidateStatus(Enum):
    OPEN = strawberry.enum_value("OPEN", description="Waits for a steward.")
    DISMISSED = strawberry.enum_value("DISMISSED", description="They are not one.")
    MERGED = strawberry.enum_value("MERGED", description="They were one.")
