"""One claim of one run: what it works with, and the few steps all its parts share."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from chassis import telemetry
from integrations.contract import Access, Connector, Stream
from integrations.delivery.services import Parcel, Receipt, Source, deliver
from integrations.installations.store import InstallationRow
from integrations.sync.commands.page import Done, commit_page
from integrations.sync.commands.sync_run import Lost
from integrations.sync.domain import SyncMode
from integrations.sync.services.heartbeat import Heartbeat
from integrations.sync.services.surroundings import Surroundings
from integrations.sync.store import SyncRunRow

# After so many failures in a row one record that fails alone is taken for the poison.
LAST_CHANCE = 3


@dataclass(slots=True)
class Slice:
    """One claim of one run."""

    around: Surroundings
    run: SyncRunRow
    heart: Heartbeat
    installation: InstallationRow
    connector: Connector
    access: Access
    until: float

    def over(self) -> bool:
        if self.heart.lost:
            raise Lost
        return self.heart.cancel or time.monotonic() > self.until


def commit(one: Slice, done: Done) -> None:
    with telemetry.span("commit", records=len(done.kept)):
        one.run = one.around.db.write(commit_page, one.run.id, one.run.fence, done)
    one.access.calls = one.access.retries = 0


def hand_over(one: Slice, parcels: Sequence[Parcel]) -> dict[str, Receipt]:
    return deliver(
        one.around.delivery,
        _source(one.installation),
        parcels,
        last_chance=one.run.tries >= LAST_CHANCE,
    )


def _source(found: InstallationRow) -> Source:
    return Source(found.system, found.id, found.priority)


def sweeps(one: Slice, stream: Stream) -> bool:
    """Absence tells something only on a scan of everything."""
    return stream.cursor.absent_means_deleted and one.run.mode != SyncMode.REPLAY.value
