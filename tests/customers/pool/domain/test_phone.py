"""Telephone numbers in one spelling."""

from __future__ import annotations

import pytest

from chassis.errors import BadInput
from customers.pool.domain.phone import is_mobile, normalise


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("13800001111", "+8613800001111"),
        ("138-0000-1111", "+8613800001111"),
        ("１３８ ００００ １１１１", "+8613800001111"),
        ("+86 138 0000 1111", "+8613800001111"),
        ("0086-13800001111", "+8613800001111"),
        ("8613800001111", "+8613800001111"),
        ("手机：13800001111", "+8613800001111"),
        ("010-88886666", "+861088886666"),
        ("(010) 8888 6666", "+861088886666"),
        ("+86 10 8888 6666", "+861088886666"),
        ("0755－8888666", "+867558888666"),
        ("010-88886666-801", "+861088886666;ext=801"),
        ("010-88886666转801", "+861088886666;ext=801"),
        ("010-88886666 ext. 801", "+861088886666;ext=801"),
        ("+861088886666;ext=801", "+861088886666;ext=801"),
        ("400-810-1234", "+864008101234"),
        ("+1 (415) 555-0132", "+14155550132"),
        ("0044 20 7946 0018", "+442079460018"),
        ("+852 5555 0132", "+85255550132"),
    ],
)
def test_spellings_of_one_number_meet(text: str, number: str) -> None:
    assert normalise(text) == number
    assert normalise(number) == number


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1380000111", "has 10 digits; a mobile has 11"),
        ("138****1111", "masked"),
        ("13800001111/13900001111", "several"),
        ("88886666", "no area code"),
        ("+86 12345", "not a mainland number"),
        ("4155550132123", r"start with \+"),
        ("not known", "a number cannot have"),
    ],
)
def test_says_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        normalise(text)


def test_tells_a_mobile_from_a_switchboard() -> None:
    assert is_mobile("+8613800001111")
    assert not is_mobile("+861088886666")
