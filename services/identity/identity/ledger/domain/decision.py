"""Equal decisions of the ledger, counted together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class RecordedDecision:
    """Equal decisions of one user: what they did, what it showed them, how often and when last."""

    user_id: UUID
    object: str
    action: str
    allowed: bool
    clear: frozenset[str]
    masked: frozenset[str]
    times: int
    last: datetime
