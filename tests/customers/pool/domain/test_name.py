"""Names folded so that spellings of one name meet and different names do not."""

from __future__ import annotations

import pytest

from customers.pool.domain.name import comparable, core, grams, likeness, query_grams, search_key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("华宁科技有限公司", "华宁科技 有限责任公司"),
        ("华宁科技（北京）有限公司", "华宁科技(北京)股份有限公司"),
        ("Huaning Tech Co., Ltd.", "HUANING TECH COMPANY LIMITED"),
        ("Ｈｕａｎｉｎｇ Inc", "huaning"),
        ("华宁·科技", "华宁科技"),
        ("华宁科技Co.,Ltd", "华宁科技"),
    ],
)
def test_spellings_of_one_name_meet(one: str, other: str) -> None:
    assert core(one) == core(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("北京华宁科技有限公司", "上海华宁科技有限公司"),
        ("华宁科技有限公司北京分公司", "华宁科技有限公司"),
        ("华宁集团有限公司", "华宁有限公司"),
        ("Acme Limited Editions", "Acme"),
    ],
)
def test_different_companies_stay_different(one: str, other: str) -> None:
    assert core(one) != core(other)


def test_a_name_that_is_only_a_legal_form_stays() -> None:
    assert core("有限公司") == "有限公司"
    assert core("Limited") == "limited"


def test_every_substring_is_found_by_its_grams() -> None:
    key = search_key("北京华宁 Tech 科技有限公司")
    for start in range(len(key)):
        for end in range(start + 1, len(key) + 1):
            assert set(query_grams(key[start:end])) <= set(grams(key))


def test_likeness_knows_shuffled_regions_and_strangers() -> None:
    assert likeness("华宁科技北京", "北京华宁科技") > 0.7
    assert likeness("华宁科技", "华宁") == 0.9
    assert likeness("华宁科技", "恒通物流") == 0.0
    assert not comparable("华宁", "huaning")
