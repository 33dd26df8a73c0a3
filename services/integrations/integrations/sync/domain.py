"""The states of a sync run, its counters, and what follows a failure; pure decisions."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import timedelta
from enum import StrEnum

from integrations.core.domain.failure import Failure, Retry
from integrations.records.domain import Outcome


class RunStatus(StrEnum):
    """The status of a run."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    PARTIAL = "PARTIAL"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


ACTIVE = (RunStatus.QUEUED, RunStatus.RUNNING)


class SyncMode(StrEnum):
    """Which records a run reads."""

    INCREMENTAL = "INCREMENTAL"
    FULL = "FULL"
    REPLAY = "REPLAY"


@dataclass(frozen=True, slots=True)
class Counters:
    """The counters of a run; they grow with every page and can be read while it is running."""

    pages: int = 0
    fetched: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    matched: int = 0
    ambiguous: int = 0
    rejected: int = 0
    dead_lettered: int = 0
    deleted: int = 0
    calls: int = 0
    retries: int = 0

    def __add__(self, other: Counters) -> Counters:
        return Counters(**{name: getattr(self, name) + getattr(other, name) for name in _NAMES})

    def counting(self, outcome: Outcome) -> Counters:
        """Return the counters with one more record of this outcome."""
        name = outcome.value.lower()
        return replace(self, **{name: getattr(self, name) + 1})


_NAMES = tuple(field.name for field in fields(Counters))

# The retry policy of a run: a source is given up after this many tries and this long without a
# page; the customer pool is waited for much longer. Backoff doubles between the two waits, seconds.
SOURCE_TRIES = 12
SOURCE_TIMEOUT = timedelta(minutes=30)
POOL_TIMEOUT = timedelta(hours=24)
SHORTEST_WAIT = 1.0
LONGEST_WAIT = 60.0


@dataclass(frozen=True, slots=True)
class Wait:
    """Suspend the run and try again after `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """End the run as failed."""


def after_failure(
    failure: Failure, *, from_source: bool, tries: int, since_progress: timedelta
) -> Wait | GiveUp:
    """Decide whether a run tries again after a failure, and when.

    The customer pool may be down for a day without loss. A source that asks to wait is waited for;
    one that only fails is given up after `SOURCE_TIMEOUT` without progress.
    """
    if not isinstance(failure, Retry):
        return GiveUp()
    if from_source and tries >= SOURCE_TRIES and since_progress > SOURCE_TIMEOUT:
        return GiveUp()
    if since_progress > POOL_TIMEOUT:
        return GiveUp()
    backoff = min(SHORTEST_WAIT * 2 ** min(tries, 10), LONGEST_WAIT)
    return Wait(max(failure.after or 0.0, backoff))


@dataclass(frozen=True, slots=True)
class Completeness:
    """The evidence at the end of a stream that it was read completely.

    `fetched` records were read of the `total` the source announced; of the `present` stored ones
    `absent` were not listed again.
    """

    fetched: int
    total: int | None = None
    absent: int = 0
    present: int = 0

    @property
    def whole(self) -> bool:
        """Return whether the source gave as many records as it announced."""
        return self.total is None or self.fetched >= self.total

    @property
    def absence_is_plausible(self) -> bool:
        """Return whether absent records may count as deleted.

        More than half of all records missing at once suggests a broken source, not a clean-up.
        """
        return self.absent == 0 or self.absent * 2 <= self.present


def final_status(*, whole: bool, dead_lettered: int) -> RunStatus:
    """Return SUCCEEDED when every record was read and accepted, otherwise PARTIAL."""
    return RunStatus.SUCCEEDED if whole and dead_lettered == 0 else RunStatus.PARTIAL
