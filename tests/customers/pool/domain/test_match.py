"""Who a record is, told from keys alone."""

from __future__ import annotations

from uuid import UUID

import pytest

from customers.pool.domain.match import (
    CODE,
    EMAIL,
    NAME,
    PHONE,
    Key,
    KeyedCustomer,
    Match,
    New,
    Pool,
    compare,
    decide,
    score,
)

A, B = UUID(int=1), UUID(int=2)
KINDS = {"c": CODE, "p": PHONE, "e": EMAIL, "n": NAME}


def keys(text: str) -> frozenset[Key]:
    """`c:1 n:华宁` as keys."""
    return frozenset(
        Key(KINDS[kind], value) for kind, _, value in (p.partition(":") for p in text.split())
    )


def decided(record: str, *known: str, kind: str = "ORGANIZATION") -> Match | New:
    pool = Pool.of(
        KeyedCustomer(UUID(int=n), kind, keys(text)) for n, text in enumerate(known, start=1)
    )
    return decide(kind, keys(record), pool)


@pytest.mark.parametrize(
    ("record", "known"),
    [
        ("c:1 n:甲", "c:1 n:乙"),
        ("p:1 n:华宁科技", "p:1 n:华宁科技"),
        ("p:1 n:华宁", "p:1 n:华宁科技 c:1"),
        ("e:1 n:huaning", "e:1 n:华宁"),
        ("p:1", "p:1 n:华宁"),
    ],
)
def test_a_strong_key_decides(record: str, known: str) -> None:
    verdict = decided(record, known)

    assert isinstance(verdict, Match)
    assert verdict.customer_id == A


@pytest.mark.parametrize(
    ("record", "known"),
    [
        ("n:华宁科技", ["n:华宁科技"]),
        ("p:1 n:华宁科技", ["p:1 n:恒通物流"]),
        ("p:1 e:2 n:华宁", ["p:1 n:华宁", "e:2 n:华宁"]),
        ("p:1 n:丙", ["p:1 n:华宁", "p:1 n:恒通"]),
        ("c:1 n:华宁", ["c:1 n:华宁", "c:1 n:华宁"]),
        ("c:1 n:华宁", ["c:2 n:华宁"]),
        ("c:1 p:1 n:华宁", ["c:2 p:1 n:华宁"]),
    ],
)
def test_doubt_is_for_a_steward(record: str, known: list[str]) -> None:
    verdict = decided(record, *known)

    assert isinstance(verdict, New)
    assert len(verdict.suspicions) == len(known)


@pytest.mark.parametrize("known", ["c:2 p:1 n:恒通", "c:2 p:1 e:1", "n:恒通"])
def test_a_switchboard_between_two_codes_is_no_suspicion(known: str) -> None:
    assert decided("c:1 p:1 e:1 n:华宁", known) == New()


def test_the_name_picks_among_customers_of_one_number() -> None:
    verdict = decided("p:1 n:华宁", "p:1 n:恒通", "p:1 n:华宁")

    assert isinstance(verdict, Match)
    assert verdict.customer_id == B
    assert [s.customer_id for s in verdict.suspicions] == [A]


def test_the_code_beats_a_number_that_points_elsewhere_and_says_so() -> None:
    verdict = decided("c:1 p:1 n:华宁", "c:1 n:华宁", "p:1 n:华宁")

    assert isinstance(verdict, Match)
    assert verdict.customer_id == A
    assert [s.customer_id for s in verdict.suspicions] == [B]


def test_an_organisation_is_never_a_person() -> None:
    pool = Pool.of([KeyedCustomer(A, "PERSON", keys("p:1 n:张三"))])

    assert decide("ORGANIZATION", keys("p:1 n:张三"), pool) == New()


def test_evidence_never_holds_a_value_and_its_score_is_between_0_and_1() -> None:
    mine = keys("c:91110 p:+86138 e:a@b n:华宁")
    for theirs in (mine, keys("c:2 p:+86138 n:恒通"), keys("n:华宁"), frozenset[Key]()):
        evidence = compare(mine, theirs)
        assert 0 <= score(evidence) <= 1
        assert not any(key.value in repr(evidence) for key in mine)
