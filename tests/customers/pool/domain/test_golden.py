"""The golden record is a pure function of claims, rules and a moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import given, strategies as st

from customers.pool.domain.golden import Claim, Rules, elect, values

START = datetime(2026, 1, 1, tzinfo=UTC)
SYSTEMS = ("manual", "erp", "sheet", "crm")
RULES = Rules({"*": ("manual", "erp"), "phone": ("sheet",)}, {"crm": 10, "sheet": 50})


def hours(n: int) -> datetime:
    return START + timedelta(hours=n)


def a_claim(n: int, system: str = "erp", value: str = "a", **more) -> Claim:  # type: ignore[no-untyped-def]
    given: dict[str, Any] = {
        "field": "phone",
        "observed_at": hours(n),
        "recorded_at": hours(n),
    } | more
    return Claim(
        id=UUID(int=n + 1), link_id=UUID(int=1000 + n), system=system, value=value, **given
    )


@st.composite
def claims(draw: st.DrawFn) -> list[Claim]:
    made = []
    for n in range(draw(st.integers(1, 10))):
        recorded = draw(st.integers(0, 20))
        ended = draw(st.none() | st.integers(recorded, 25))
        pinned = draw(st.none() | st.integers(recorded, 20))
        until = draw(st.none() | st.integers(20, 25))
        made.append(
            Claim(
                id=UUID(int=n + 1),
                link_id=UUID(int=draw(st.integers(1, 4))),
                system=draw(st.sampled_from(SYSTEMS)),
                field=draw(st.sampled_from(["name", "phone", "industry"])),
                value=draw(st.sampled_from(["a", "b", "c"])),
                observed_at=hours(draw(st.integers(0, 3))),
                recorded_at=hours(recorded),
                ended_at=None if ended is None else hours(ended),
                pinned_from=None if pinned is None else hours(pinned),
                pinned_until=None if until is None else hours(until),
            )
        )
    return made


@given(claims(), st.randoms(use_true_random=False), st.integers(0, 25))
def test_no_order_and_no_repetition_of_claims_matters(made, random, at) -> None:  # type: ignore[no-untyped-def]
    shuffled = made * 2
    random.shuffle(shuffled)

    assert elect(shuffled, RULES, hours(at)) == elect(made, RULES, hours(at))


@given(claims(), st.integers(0, 25))
def test_what_came_later_does_not_change_an_earlier_moment(made, at) -> None:  # type: ignore[no-untyped-def]
    known_then = [claim for claim in made if claim.recorded_at <= hours(at)]

    assert elect(made, RULES, hours(at)) == elect(known_then, RULES, hours(at))


@given(claims(), st.integers(0, 25))
def test_the_winner_stands_and_everybody_standing_was_said(made, at) -> None:  # type: ignore[no-untyped-def]
    for field, election in elect(made, RULES, hours(at)).items():
        assert election.winner == election.standing[0]
        assert all(c in made and c.field == field for c in election.standing)


def test_the_rule_of_the_field_beats_the_rule_of_every_field() -> None:
    found = elect([a_claim(1, "erp", "x"), a_claim(0, "sheet", "y")], RULES, hours(9))

    assert found["phone"].winner.value == "y"
    assert found["phone"].rule == "phone"


def test_outside_the_order_the_smaller_priority_wins_then_the_most_recent() -> None:
    rules = Rules({}, {"crm": 10, "sheet": 50})
    old_crm, new_crm, newest_sheet = (
        a_claim(1, "crm", "x"),
        a_claim(2, "crm", "y"),
        a_claim(3, "sheet", "z"),
    )

    assert values(elect([newest_sheet, new_crm, old_crm], rules, hours(9))) == {"phone": "y"}


def test_a_pin_wins_until_it_ends_even_after_its_source_took_the_value_back() -> None:
    pinned = a_claim(
        0, "sheet", "x", ended_at=hours(2), pinned_from=hours(1), pinned_until=hours(5)
    )
    manual = a_claim(3, "manual", "y")

    assert values(elect([pinned, manual], Rules(), hours(4))) == {"phone": "x"}
    assert values(elect([pinned, manual], Rules(), hours(5))) == {"phone": "y"}


def test_a_withdrawn_value_is_gone_but_the_last_name_stays() -> None:
    gone = [
        a_claim(0, field="name", value="旧名", ended_at=hours(1)),
        a_claim(1, field="name", value="新名", ended_at=hours(2)),
        a_claim(1, "sheet", value="1", ended_at=hours(2)),
    ]

    assert values(elect(gone, RULES, hours(3))) == {"name": "新名"}
