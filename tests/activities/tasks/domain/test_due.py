"""What "today" means depends on where one lives."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from activities.tasks.domain.due import Due, Span, span, zone
from chassis.errors import BadInput

SHANGHAI = zone("Asia/Shanghai")
# Wednesday half past midnight in Shanghai, still Tuesday in London.
NOW = datetime(2026, 5, 5, 16, 30, tzinfo=UTC)


def utc(day: int, hour: int = 0) -> datetime:
    return datetime(2026, 5, day, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("due", "meant"),
    [
        (Due.OVERDUE, Span(end=NOW)),
        (Due.TODAY, Span(utc(5, 16), utc(6, 16))),
        (Due.THIS_WEEK, Span(utc(3, 16), utc(10, 16))),
        (Due.LATER, Span(start=utc(10, 16))),
        (Due.UNDATED, Span(undated=True)),
    ],
)
def test_follows_the_calendar_of_the_zone(due: Due, meant: Span) -> None:
    assert span(due, NOW, SHANGHAI) == meant


def test_a_day_is_25_hours_long_when_clocks_go_back() -> None:
    noon = datetime(2026, 10, 25, 12, tzinfo=UTC)
    today = span(Due.TODAY, noon, zone("Europe/Berlin"))

    assert today.start is not None
    assert today.end is not None
    assert (today.end - today.start).total_seconds() == 25 * 3600


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../etc/passwd", "/etc/localtime", "Asia"])
def test_refuses_an_unknown_zone(name: str) -> None:
    with pytest.raises(BadInput) as refused:
        zone(name)

    assert refused.value.field == "timeZone"
