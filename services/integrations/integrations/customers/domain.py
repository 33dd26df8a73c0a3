"""How current the data of a customer is, judged from its sources; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class SyncStatus(StrEnum):
    """The sync status of a customer, the worst of its sources."""

    NEVER = "NEVER"
    SYNCED = "SYNCED"
    PAUSED = "PAUSED"
    FAILING = "FAILING"


@dataclass(frozen=True, slots=True)
class SourceState:
    """The state of a customer at one installation."""

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
        """Return the sync status at this installation."""
        if self.pending_dead_letters or self.last_run_status == "FAILED":
            return SyncStatus.FAILING
        return SyncStatus.PAUSED if self.paused else SyncStatus.SYNCED


_WORST_FIRST = (SyncStatus.FAILING, SyncStatus.PAUSED, SyncStatus.SYNCED)


def overall_status(states: Sequence[SourceState]) -> SyncStatus:
    """Return the worst status of the sources, NEVER without any."""
    statuses = {state.status for state in states}
    return next((status for status in _WORST_FIRST if status in statuses), SyncStatus.NEVER)


def last_synced(states: Sequence[SourceState]) -> datetime | None:
    """Return when any source was last read completely."""
    times = (state.last_synced_at for state in states)
    return max((time for time in times if time), default=None)
