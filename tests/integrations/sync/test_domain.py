"""What becomes of a run when something fails."""

from __future__ import annotations

from datetime import timedelta

import pytest

from integrations.core.domain.failure import Failure, Fatal, Retry
from integrations.records.domain import Outcome
from integrations.sync.domain import (
    Completeness,
    Counters,
    GiveUp,
    RunStatus,
    Wait,
    after_failure,
    final_status,
)

BUSY = Retry("BUSY", "busy", "忙")
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.mark.parametrize(
    ("problem", "from_source", "tries", "since", "expected"),
    [
        (Fatal("NO", "no", "否"), True, 0, MINUTE, GiveUp()),
        (BUSY, True, 0, MINUTE, Wait(1.0)),
        (BUSY, True, 3, MINUTE, Wait(8.0)),
        (BUSY, True, 30, MINUTE, Wait(60.0)),
        (BUSY, True, 12, HOUR, GiveUp()),
        (BUSY, False, 500, 23 * HOUR, Wait(60.0)),
        (BUSY, False, 500, 25 * HOUR, GiveUp()),
        (Retry("QUOTA", "q", "额", after=3600.0), True, 0, MINUTE, Wait(3600.0)),
    ],
)
def test_waits_or_gives_up(
    problem: Failure, from_source: bool, tries: int, since: timedelta, expected: Wait | GiveUp
) -> None:
    assert (
        after_failure(problem, from_source=from_source, tries=tries, since_progress=since)
        == expected
    )


def test_counters_add_up() -> None:
    both = Counters(fetched=2, created=1) + Counters(fetched=3).counting(Outcome.REJECTED)

    assert (both.fetched, both.created, both.rejected) == (5, 1, 1)


def test_less_than_promised_is_not_whole() -> None:
    assert Completeness(10).whole
    assert Completeness(10, 10).whole
    assert Completeness(11, 10).whole
    assert not Completeness(9, 10).whole


def test_half_of_everything_gone_at_once_is_not_believed() -> None:
    assert Completeness(0, absent=5, present=10).absence_is_plausible
    assert not Completeness(0, absent=6, present=10).absence_is_plausible


def test_only_everything_is_success() -> None:
    assert final_status(whole=True, dead_lettered=0) is RunStatus.SUCCEEDED
    assert final_status(whole=True, dead_lettered=1) is RunStatus.PARTIAL
    assert final_status(whole=False, dead_lettered=0) is RunStatus.PARTIAL
