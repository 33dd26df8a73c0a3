"""What became of one record of a batch. Outcomes are values: none of them is an exception."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from chassis.errors import HuichiError

Kind = Literal["CREATED", "UPDATED", "UNCHANGED", "MATCHED", "AMBIGUOUS", "REJECTED"]


@dataclass(frozen=True, slots=True)
class Created:
    """Nobody knew it: a new customer."""

    external_id: str
    customer_id: UUID | None
    changed: tuple[str, ...]
    kind: Kind = "CREATED"


@dataclass(frozen=True, slots=True)
class Updated:
    """Known by its link; `changed` are the fields whose shown value became another."""

    external_id: str
    customer_id: UUID
    changed: tuple[str, ...]
    kind: Kind = "UPDATED"


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Exactly what this source said before, or older than that, or the end of what never came."""

    external_id: str
    customer_id: UUID | None
    kind: Kind = "UNCHANGED"


@dataclass(frozen=True, slots=True)
class Matched:
    """A source that was new, but of a customer the pool knew by a strong key."""

    external_id: str
    customer_id: UUID | None
    changed: tuple[str, ...]
    kind: Kind = "MATCHED"


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """A customer of its own for now; a steward decides whether it is one of the candidates."""

    external_id: str
    customer_id: UUID | None
    candidates: tuple[UUID, ...]
    changed: tuple[str, ...]
    kind: Kind = "AMBIGUOUS"


@dataclass(frozen=True, slots=True)
class Rejected:
    """Wrong in itself: nothing of it was write_with_retry, everything wrong with it is said."""

    external_id: str
    errors: Sequence[HuichiError]
    kind: Kind = "REJECTED"


Outcome = Created | Updated | Unchanged | Matched | Ambiguous | Rejected
