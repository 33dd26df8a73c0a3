"""The unified social credit code of GB 32100-2015."""

from __future__ import annotations

import pytest

from chassis.errors import BadInput
from customers.pool.domain.credit_code import ALPHABET, check_digit, normalise

# Codes that registries publish; the formula must agree with them, not only with itself.
REAL = ["9144030071526726XG", "914403001922038216", "91330100799655058B"]


@pytest.mark.parametrize("code", REAL)
def test_agrees_with_codes_that_exist(code: str) -> None:
    assert check_digit(code[:17]) == code[17]
    assert normalise(code) == code


def test_reads_full_width_lower_case_and_separators() -> None:
    assert normalise(" ９１４４ 0300-7152 6726 xg ") == "9144030071526726XG"


def test_says_which_check_digit_would_be_right() -> None:
    with pytest.raises(BadInput, match="need G") as caught:
        normalise("9144030071526726XH")

    assert "应为 G" in caught.value.zh


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("9144030071526726X", "has 17"),
        ("440301103097413", "15-digit"),
        ("9144O30071526726XG", "Character 5 .* Is it 0"),
        ("91A4030071526726XG", "administrative division"),
        ("", "has 0"),
    ],
)
def test_says_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(BadInput, match=says) as caught:
        normalise(text)

    assert caught.value.field == "unified_social_credit_code"


def test_every_single_wrong_character_is_noticed() -> None:
    code = REAL[1]
    for place in range(17):
        if 2 <= place < 8:
            continue
        for other in ALPHABET:
            if other != code[place]:
                with pytest.raises(BadInput):
                    normalise(code[:place] + other + code[place + 1 :])
