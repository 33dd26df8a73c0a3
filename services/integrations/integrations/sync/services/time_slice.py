"""One claim of one run: its connector and connections, and the steps that all phases share."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from chassis import telemetry
from integrations.contract import Access, Connector, Stream
from integrations.delivery.services import Parcel, Receipt, Source, deliver
from integrations.installations.store import InstallationRow
from integrations.sync.commands.lease import LeaseLost
from integrations.sync.commands.page_commit import PageResult, commit_page
from integrations.sync.domain import SyncMode
from integrations.sync.services.heartbeat import Heartbeat
from integrations.sync.services.runtime import SyncRuntime
from integrations.sync.store import SyncRunRow

# After so many failed slices in a row, a record that fails alone is rejected.
ISOLATE_AFTER_TRIES = 3


@dataclass(slots=True)
class TimeSlice:
    """The work on one run until a deadline on the monotonic clock."""

    runtime: SyncRuntime
    run: SyncRunRow
    heartbeat: Heartbeat
    installation: InstallationRow
    connector: Connector
    access: Access
    deadline: float

    def is_over(self) -> bool:
        """Return whether to stop before the next page. Raises `LeaseLost`."""
        if self.heartbeat.lost:
            raise LeaseLost
        return self.heartbeat.cancel or time.monotonic() > self.deadline

    def commit(self, result: PageResult) -> None:
        """Commit a page and continue from the new state of the run. Raises `LeaseLost`."""
        with telemetry.span("commit", records=len(result.records)):
            self.run = self.runtime.db.write(commit_page, self.run.id, self.run.fence, result)
        self.access.calls = self.access.retries = 0

    def deliver(self, parcels: Sequence[Parcel]) -> dict[str, Receipt]:
        """Deliver records to the customer pool; receipts by external id. Raises `PoolDown`."""
        row = self.installation
        return deliver(
            self.runtime.delivery,
            Source(row.system, row.id, row.priority),
            parcels,
            isolate=self.run.tries >= ISOLATE_AFTER_TRIES,
        )

    def detects_deletions(self, stream: Stream) -> bool:
        """Return whether a record that is not listed counts as deleted: only on a complete scan."""
        return stream.cursor.absent_means_deleted and self.run.mode != SyncMode.REPLAY.value
