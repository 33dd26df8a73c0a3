"""What a sync run can be, and what becomes of it when something fails; pure decisions."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from enum import StrEnum

from integrations.core.domain.failure import Failure, Retry


class RunStatus(StrEnum):
    """Where a run stands."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    PARTIAL = "PARTIAL"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


ACTIVE = (RunStatus.QUEUED, RunStatus.RUNNING)


class SyncMode(StrEnum):
    """How much a run reads."""

    INCREMENTAL = "INCREMENTAL"
    FULL = "FULL"
    REPLAY = "REPLAY"


class Outcome(StrEnum):
    """What became of a record."""

    CREATED = "CREATED"
    UPDATED = "UPDATED"
    UNCHANGED = "UNCHANGED"
    MATCHED = "MATCHED"
    AMBIGUOUS = "AMBIGUOUS"
    REJECTED = "REJECTED"


class Stage(StrEnum):
    """Where a record was left aside."""

    MAP = "MAP"
    DELIVER = "DELIVER"


@dataclass(frozen=True, slots=True)
class Counters:
    """How many of what; grows with every page and is visible while the run goes on."""

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
        return Counters(
            **{each.name: getattr(self, each.name) + getattr(other, each.name) for each in _NAMES}
        )

    def counting(self, outcome: Outcome) -> Counters:
        """One more of this outcome."""
        name = outcome.value.lower()
        return replace(self, **{name: getattr(self, name) + 1})


_NAMES = fields(Counters)

SOURCE_TRIES = 12
SOURCE_PATIENCE = timedelta(minutes=30)
POOL_PATIENCE = timedelta(hours=24)
FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0


@dataclass(frozen=True, slots=True)
class Wait:
    """Lay the run aside and come back."""

    seconds: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """End the run as failed."""


def after_failure(
    failure: Failure, *, from_source: bool, tries: int, since_progress: timedelta
) -> Wait | GiveUp:
    """Whether to come back, and when. Our own pool may be away for a day and nothing is lost; a
    source that asks to wait is waited for, one that just fails is given up after a while."""
    if not isinstance(failure, Retry):
        return GiveUp()
    if from_source and tries >= SOURCE_TRIES and since_progress > SOURCE_PATIENCE:
        return GiveUp()
    if since_progress > POOL_PATIENCE:
        return GiveUp()
    backoff = min(FIRST_WAIT * 2 ** min(tries, 10), LONGEST_WAIT)
    return Wait(max(failure.after or 0.0, backoff))


@dataclass(frozen=True, slots=True)
class Completeness:
    """What is known at the end of a stream about whether it was read whole."""

    fetched: int
    total: int | None = None
    absent: int = field(default=0)
    known: int = field(default=0)

    @property
    def whole(self) -> bool:
        """The source did not promise more than it gave."""
        return self.total is None or self.fetched >= self.total

    @property
    def absence_is_believable(self) -> bool:
        """Half of everything gone at once is a broken source, not a clean-up."""
        return self.absent == 0 or self.absent * 2 <= self.known


def final_status(*, whole: bool, dead_lettered: int) -> RunStatus:
    """Succeeded means everything; anything less is partial and says why."""
    return RunStatus.SUCCEEDED if whole and dead_lettered == 0 else RunStatus.PARTIAL
