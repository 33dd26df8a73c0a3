"""The outcomes of one record of a batch. Outcomes are values: none of them is an exception."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from chassis.errors import HuichiError

Kind = Literal["CREATED", "UPDATED", "UNCHANGED", "MATCHED", "AMBIGUOUS", "REJECTED"]


@dataclass(frozen=True, slots=True)
class Created:
    """The record created a customer."""

    external_id: str
    customer_id: UUID | None
    changed: tuple[str, ...]
    kind: Kind = "CREATED"


@dataclass(frozen=True, slots=True)
class Updated:
    """The record has a link already and changed something.

    `changed` are the fields that show another value.
    """

    external_id: str
    customer_id: UUID
    changed: tuple[str, ...]
    kind: Kind = "UPDATED"


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The record was reported before, is older than what was, or deletes what never arrived."""

    external_id: str
    customer_id: UUID | None
    kind: Kind = "UNCHANGED"


@dataclass(frozen=True, slots=True)
class Matched:
    """The record is new and was matched to an existing customer by a strong key."""

    external_id: str
    customer_id: UUID | None
    changed: tuple[str, ...]
    kind: Kind = "MATCHED"


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """The record created a customer; a steward decides whether it is one of the candidates."""

    external_id: str
    customer_id: UUID | None
    candidates: tuple[UUID, ...]
    changed: tuple[str, ...]
    kind: Kind = "AMBIGUOUS"


@dataclass(frozen=True, slots=True)
class Rejected:
    """The record is invalid: nothing of it was written; `errors` are all its problems."""

    external_id: str
    errors: Sequence[HuichiError]
    kind: Kind = "REJECTED"


Outcome = Created | Updated | Unchanged | Matched | Ambiguous | Rejected
