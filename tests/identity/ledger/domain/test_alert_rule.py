"""What counts as unusual: odd hours by the company's calendar, and more than one's own usual."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest

from chassis.errors import BadInput
from identity.ledger.domain.alert_rule import AlertKind, AlertRule, Hours, check_rule, window_ends

DAY = Hours(
    begins=time(8),
    ends=time(20),
    weekdays=(1, 2, 3, 4, 5),
    time_zone="Asia/Shanghai",
    holidays=(date(2026, 10, 1),),
    workdays=(date(2026, 10, 10),),
)
NIGHT = replace(DAY, begins=time(22), ends=time(6))
RULE = AlertRule(AlertKind.BULK_READING, True, 100, 10, 3.0, 1000, None, 1)


def shanghai(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 10, day, hour, minute, tzinfo=UTC) - timedelta(hours=8)


@pytest.mark.parametrize(
    ("at", "odd"),
    [
        (shanghai(8, 8), False),  # a Thursday
        (shanghai(8, 7, 59), True),
        (shanghai(8, 20), True),
        (shanghai(9, 2), True),
        (shanghai(11, 12), True),  # a Sunday
        (shanghai(1, 12), True),  # a holiday
        (shanghai(10, 12), False),  # a Saturday that is worked
    ],
)
def test_odd_is_what_the_calendar_of_the_company_says(at: datetime, odd: bool) -> None:
    assert DAY.is_outside(at) is odd


@pytest.mark.parametrize(
    ("at", "odd"),
    [
        (shanghai(8, 23), False),
        (shanghai(9, 5), False),
        (shanghai(9, 7), True),
        (shanghai(10, 5), False),  # the night that began on Friday
        (shanghai(12, 5), True),  # no night began on Sunday
    ],
)
def test_a_night_shift_belongs_to_the_day_it_began(at: datetime, odd: bool) -> None:
    assert NIGHT.is_outside(at) is odd


def test_odd_hours_begin_when_work_ended() -> None:
    hour = timedelta(hours=1)

    assert DAY.outside_since(shanghai(8, 20, 30), hour) == shanghai(8, 20)
    assert DAY.outside_since(shanghai(8, 23), hour) == shanghai(8, 22)


@pytest.mark.parametrize(
    ("measure", "usual", "exceeded"),
    [
        (99, None, False),
        (100, None, True),  # nothing is known of somebody new
        (100, 40.0, False),
        (120, 40.0, True),
        (999, 500.0, False),
        (1000, 900.0, True),  # whatever is usual
    ],
)
def test_too_much_is_more_than_the_rule_and_more_than_usual(
    measure: int, usual: float | None, exceeded: bool
) -> None:
    assert RULE.is_exceeded(measure, usual) is exceeded


def test_every_half_window_is_looked_at() -> None:
    start = datetime(2026, 10, 8, tzinfo=UTC)
    times = [start + timedelta(minutes=n) for n in (0, 1, 4, 6, 31)]

    found = window_ends(times, timedelta(minutes=10))

    assert found == [times[2], times[3], times[4]]


@pytest.mark.parametrize(
    "wrong",
    [
        {"threshold": 0},
        {"minutes": 1441},
        {"times": 0.5},
        {"ceiling": 99},
        {"hours": DAY},
        {"kind": AlertKind.ODD_HOURS},
        {"kind": AlertKind.ODD_HOURS, "hours": replace(DAY, time_zone="Mars/Base")},
        {"kind": AlertKind.ODD_HOURS, "hours": replace(DAY, weekdays=(0,))},
        {"kind": AlertKind.ODD_HOURS, "hours": replace(DAY, ends=time(8))},
    ],
)
def test_a_rule_nobody_could_keep_to_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        check_rule(replace(RULE, **wrong))  # type: ignore[arg-type]
