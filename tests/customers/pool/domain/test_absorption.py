"""What a batch of placed records changes, without a database."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from customers.pool.domain.absorption import (
    CONTACTS,
    TAGS,
    Placement,
    PresentContact,
    absorb_placements,
)
from customers.pool.domain.belief import Belief, Terms, assert_values
from customers.pool.domain.golden import Rules
from customers.pool.domain.outcome import Created, Matched, Unchanged, Updated
from customers.pool.domain.record import ContactRecord, Prepared, prepare
from tests.customers.making import MONDAY, TUESDAY, a_record

CUSTOMER, LINK, OTHER_LINK = UUID(int=1), UUID(int=2), UUID(int=3)
TERMS = Terms("tryton", Rules(), TUESDAY, None)


def prepared(external_id: str = "1", **fields: Any) -> Prepared:
    record = prepare(a_record(external_id, observed_at=TUESDAY, **fields))
    assert isinstance(record, Prepared)
    return record


def a_belief(**values: str) -> Belief:
    """A belief that was loaded: nothing of it was made by the batch under test."""
    before = Terms("tryton", Rules(), MONDAY, None)
    return replace(assert_values(Belief(CUSTOMER), before, LINK, values, MONDAY), made=())


def test_a_new_customer_has_all_that_its_record_claims() -> None:
    record = prepared(name="华宁", contacts=[ContactRecord("a", "王芳")], tags=["重点"])

    absorption = absorb_placements(
        [Placement(record, LINK, CUSTOMER, new_link=True, new_customer=True)], TERMS, {}, {}, {}
    )

    [change] = absorption.records
    assert change.outcome == Created("1", CUSTOMER, ("name", CONTACTS, TAGS))
    assert [row["name"] for row in change.contacts.added] == ["王芳"]
    assert change.tags == frozenset({"重点"})
    assert absorption.beliefs[CUSTOMER].golden == {"name": "华宁"}
    assert absorption.effective == {CUSTOMER}


def test_a_later_record_builds_on_an_earlier_one_of_the_same_customer() -> None:
    placements = [
        Placement(prepared("1", name="华宁"), LINK, CUSTOMER, True, True),
        Placement(prepared("2", name="华宁", region="北京"), OTHER_LINK, CUSTOMER, True, False),
    ]

    absorption = absorb_placements(placements, TERMS, {}, {}, {})

    assert [change.outcome for change in absorption.records] == [
        Created("1", CUSTOMER, ("name",)),
        Matched("2", CUSTOMER, ("region",)),
    ]
    assert absorption.beliefs[CUSTOMER].golden == {"name": "华宁", "region": "北京"}


def test_a_record_without_news_is_unchanged_and_has_no_effect() -> None:
    record = prepared(name="华宁", contacts=[ContactRecord("a", "王芳")], tags=["重点"])
    present = PresentContact(UUID(int=9), "a", ("王芳", None, None, None), ended=False)

    absorption = absorb_placements(
        [Placement(record, LINK, CUSTOMER, False, False)],
        TERMS,
        {CUSTOMER: a_belief(name="华宁")},
        {LINK: [present]},
        {LINK: {"重点"}},
    )

    assert absorption.records[0].outcome == Unchanged("1", CUSTOMER)
    assert absorption.effective == frozenset()


def test_a_deleted_record_ends_its_contacts_and_withdraws_its_tags() -> None:
    record = prepared(name=None, deleted=True)
    present = PresentContact(UUID(int=9), "a", ("王芳", None, None, None), ended=False)

    absorption = absorb_placements(
        [Placement(record, LINK, CUSTOMER, False, False)],
        TERMS,
        {CUSTOMER: a_belief(name="华宁", region="北京")},
        {LINK: [present]},
        {LINK: {"重点"}},
    )

    [change] = absorption.records
    assert change.outcome == Updated("1", CUSTOMER, ("region", CONTACTS, TAGS))
    assert change.contacts.ended == (UUID(int=9),)
    assert change.tags == frozenset()
    assert absorption.beliefs[CUSTOMER].golden == {"name": "华宁"}
