"""What claims and elections change of a belief, as values."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from customers.pool.domain.belief import Belief, Terms, assert_values, changed_fields, reelect
from customers.pool.domain.golden import EVERY_FIELD, Rules
from tests.customers.making import MONDAY, TUESDAY, WEDNESDAY

CUSTOMER, LINK, OTHER_LINK = UUID(int=1), UUID(int=2), UUID(int=3)
TERMS = Terms("tryton", Rules(), MONDAY, None)


def a_belief(**values: str) -> Belief:
    """A belief that was loaded: nothing of it was made by the command under test."""
    belief = assert_values(Belief(CUSTOMER), TERMS, LINK, values, MONDAY)
    return replace(belief, made=())


def test_a_new_value_ends_the_claim_before_it() -> None:
    before = a_belief(name="华宁", industry="软件")

    after = assert_values(before, replace(TERMS, at=TUESDAY), LINK, {"industry": "咨询"}, TUESDAY)

    assert after.golden == {"name": "华宁", "industry": "咨询"}
    assert [claim.value for claim in after.made] == ["咨询"]
    assert after.ended == (before.present_claims(LINK)["industry"].id,)
    assert changed_fields(before, after) == ("industry",)
    assert before.golden["industry"] == "软件"


def test_the_same_value_changes_nothing() -> None:
    before = a_belief(name="华宁")

    after = assert_values(before, replace(TERMS, at=TUESDAY), LINK, {"name": "华宁"}, TUESDAY)

    assert after == before


def test_a_claim_made_and_withdrawn_within_one_command_is_never_written() -> None:
    before = a_belief(name="华宁")
    made = assert_values(before, replace(TERMS, at=TUESDAY), LINK, {"note": "甲"}, TUESDAY)

    after = assert_values(made, replace(TERMS, at=TUESDAY), LINK, {"note": None}, TUESDAY)

    assert after == before


def test_other_rules_elect_another_winner() -> None:
    first = a_belief(name="华宁")
    both = assert_values(
        first, replace(TERMS, system="crm", at=TUESDAY), OTHER_LINK, {"name": "华宁科技"}, TUESDAY
    )
    assert both.golden == {"name": "华宁科技"}

    rules = Rules({EVERY_FIELD: ("tryton", "crm")})
    assert reelect(both, Terms("manual", rules, WEDNESDAY, None)).golden == {"name": "华宁"}
