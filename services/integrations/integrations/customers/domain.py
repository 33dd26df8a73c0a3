"""How current what the pool knows of a customer is, judged from its sources; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class SyncStatus(StrEnum):
    """The worst that is true of any of a customer's sources."""

    NEVER = "NEVER"
    SYNCED = "SYNCED"
    PAUSED = "PAUSED"
    FAILING = "FAILING"


@dataclass(frozen=True, slots=True)
class SourceState:
    """One installation's share in a customer."""

    installation_id: UUID
    name: str
    system: str
    paused: bool
    records: int
    last_changed_at: datetime
    last_synced_at: datetime | None
    last_run_status: str | None
    pending_dead_letters: int

    @property
    def status(self) -> SyncStatus:
        if self.pending_dead_letters or self.last_run_status == "FAILED":
            return SyncStatus.FAILING
        return SyncStatus.PAUSED if self.paused else SyncStatus.SYNCED


_WORST = (SyncStatus.FAILING, SyncStatus.PAUSED, SyncStatus.SYNCED)


def overall(states: Sequence[SourceState]) -> SyncStatus:
    """Of several sources the worst one counts."""
    found = {state.status for state in states}
    return next((status for status in _WORST if status in found), SyncStatus.NEVER)


def last_synced(states: Sequence[SourceState]) -> datetime | None:
    """When any source was last read to its end."""
    return max((s.last_synced_at for s in states if s.last_synced_at), default=None)
