"""What may be written down as a follow-up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities.core.domain.ids import UserId
from activities.core.domain.version import refuse_stale
from activities.follow_ups.domain import Channel, Draft, changed_fields, draft, refuse_stranger
from chassis.errors import BadInput, Conflict, Denied
from tests.activities.people import LIN, WANG

NOW = datetime(2026, 5, 4, 1, 30, tzinfo=UTC)


def a_draft(**said: Any) -> Draft:
    words: dict[str, Any] = {
        "channel": Channel.CALL,
        "summary": "Talked about the price",
        "occurred_at": None,
        "next_step": None,
        "next_due_at": None,
    }
    return draft(**(words | said), now=NOW)


def test_happens_now_unless_said_otherwise() -> None:
    assert a_draft().occurred_at == NOW


def test_keeps_what_was_written_without_its_margins() -> None:
    written = a_draft(summary="  谈了价格 \n", next_step="   ")

    assert (written.summary, written.next_step) == ("谈了价格", None)


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"summary": " \n "}, "summary"),
        ({"summary": "x" * 4001}, "summary"),
        ({"summary": "a\x00b"}, "summary"),
        ({"occurred_at": NOW + timedelta(hours=1)}, "occurredAt"),
        ({"occurred_at": NOW.replace(tzinfo=None)}, "occurredAt"),
        ({"occurred_at": datetime(1800, 1, 1, tzinfo=UTC)}, "occurredAt"),
        ({"next_due_at": NOW + timedelta(days=1)}, "nextStep"),
        ({"next_step": "x" * 501}, "nextStep"),
        ({"next_step": "Send offer", "next_due_at": NOW - timedelta(days=1)}, "nextDueAt"),
    ],
)
def test_refuses_by_the_name_of_the_field(said: dict[str, Any], field: str) -> None:
    with pytest.raises(BadInput) as refused:
        a_draft(**said)

    assert refused.value.field == field
    assert refused.value.zh != refused.value.en


def test_allows_a_clock_that_runs_a_little_ahead() -> None:
    assert a_draft(occurred_at=NOW + timedelta(minutes=4)).occurred_at > NOW


def test_says_which_fields_changed() -> None:
    before, after = a_draft(), a_draft(summary="Other words", channel=Channel.VISIT)

    assert changed_fields(before, after) == ("channel", "summary")
    assert changed_fields(before, before) == ()


def test_only_the_author_edits() -> None:
    refuse_stranger(UserId(LIN), UserId(LIN))
    with pytest.raises(Denied):
        refuse_stranger(UserId(LIN), UserId(WANG))


def test_a_stale_expectation_names_the_present_version() -> None:
    refuse_stale(3, 3)
    refuse_stale(3, None)
    with pytest.raises(Conflict) as refused:
        refuse_stale(3, 2)

    assert refused.value.extra == {"version": 3}
