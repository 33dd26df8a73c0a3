"""The enums of this subgraph that several capabilities use."""

from __future__ import annotations

from enum import Enum

import strawberry


@strawberry.enum(description="Whether a customer is an organisation or a person.")
class CustomerKind(Enum):
    """The kind of a customer."""

    ORGANIZATION = strawberry.enum_value("ORGANIZATION", description="A company or institution.")
    PERSON = strawberry.enum_value("PERSON", description="A natural person.")


@strawberry.enum(description="The lifecycle stage of a customer.")
class Lifecycle(Enum):
    """The lifecycle stage of a customer."""

    LEAD = strawberry.enum_value("LEAD", description="Known by name; not qualified yet.")
    PROSPECT = strawberry.enum_value("PROSPECT", description="Interest is confirmed.")
    ACTIVE = strawberry.enum_value("ACTIVE", description="Buys or is being served.")
    DORMANT = strawberry.enum_value("DORMANT", description="Has not been contacted for long.")
    ARCHIVED = strawberry.enum_value("ARCHIVED", description="Kept for the record only.")
    BLOCKED = strawberry.enum_value("BLOCKED", description="No business is done with it.")


@strawberry.enum(description="The order of a list of customers.")
class CustomerSort(Enum):
    """The order of a list of customers."""

    UPDATED_AT_DESC = strawberry.enum_value(
        "UPDATED_AT_DESC", description="The last changed customer first."
    )
    CREATED_AT_DESC = strawberry.enum_value(
        "CREATED_AT_DESC", description="The newest customer first."
    )
    NAME_ASC = strawberry.enum_value("NAME_ASC", description="By name, in code point order.")


@strawberry.enum(description="The outcome of one absorbed record.")
class AbsorbResult(Enum):
    """The outcome of one absorbed record."""

    CREATED = strawberry.enum_value("CREATED", description="The record created a customer.")
    UPDATED = strawberry.enum_value(
        "UPDATED", description="The record belongs to a customer already and changed it."
    )
    UNCHANGED = strawberry.enum_value(
        "UNCHANGED", description="The record was absorbed before, or is older than what was."
    )
    MATCHED = strawberry.enum_value(
        "MATCHED", description="The record is new and was matched to an existing customer."
    )
    AMBIGUOUS = strawberry.enum_value(
        "AMBIGUOUS",
        description="The record created a customer that may be an existing one; a steward decides.",
    )
    REJECTED = strawberry.enum_value(
        "REJECTED", description="The record is invalid; nothing of it was written."
    )


@strawberry.enum(description="How the values of a field at two customers compare.")
class Agreement(Enum):
    """How the values of a field at two customers compare."""

    AGREES = strawberry.enum_value("AGREES", description="The values are the same.")
    SIMILAR = strawberry.enum_value("SIMILAR", description="The values are similar.")
    CONTRADICTS = strawberry.enum_value(
        "CONTRADICTS", description="The values contradict each other."
    )


@strawberry.enum(description="The decision about two customers that may be the same.")
class CandidateStatus(Enum):
    """The decision about a match candidate."""

    OPEN = strawberry.enum_value("OPEN", description="Waits for the decision of a steward.")
    DISMISSED = strawberry.enum_value("DISMISSED", description="The customers are different.")
    MERGED = strawberry.enum_value("MERGED", description="The customers were merged.")
