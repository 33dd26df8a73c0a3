"""The unified social credit code (统一社会信用代码, GB 32100-2015) and its check digit.

Eighteen characters out of thirty-one: the digits and the capital letters without I, O, S, V and Z,
which look like 1, 0, 5, U and 2. With C(i) the position of the character at place i in that
alphabet and W(i) = 3^(i-1) mod 31, the eighteenth character is

    C(18) = (31 - sum(C(i) * W(i) for i in 1..17) mod 31) mod 31

Places 1-2 are the registering authority and the kind, 3-8 the administrative division (digits),
9-17 the organisation.
"""

from __future__ import annotations

import re
import unicodedata

from chassis.errors import BadInput

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
LENGTH = 18
WEIGHTS = tuple(pow(3, place, 31) for place in range(LENGTH - 1))
_VALUE = {character: value for value, character in enumerate(ALPHABET)}
_LOOKALIKES = {"I": "1", "O": "0", "S": "5", "V": "U", "Z": "2"}
_NOISE = re.compile(r"[\s\-‐-―_.·]+")
FIELD = "unified_social_credit_code"


def check_digit(first_seventeen: str) -> str:
    """Compute the eighteenth character for the first seventeen (GB 32100-2015)."""
    total = sum(
        _VALUE[character] * weight
        for character, weight in zip(first_seventeen, WEIGHTS, strict=True)
    )
    return ALPHABET[(31 - total % 31) % 31]


def normalise(text: str) -> str:
    """Return the code in its normal spelling. Raises `BadInput`."""
    code = _NOISE.sub("", unicodedata.normalize("NFKC", text)).upper()
    _refuse_wrong_length(code)
    _refuse_foreign_characters(code)
    _refuse_wrong_division(code)
    expected = check_digit(code[:-1])
    if code[-1] != expected:
        raise BadInput(
            f"The check digit of the unified social credit code is {code[-1]}, but the first 17 "
            f"characters need {expected}. Compare the code with the business licence.",
            f"统一社会信用代码的校验码为 {code[-1]}，按前 17 位计算应为 "
            f"{expected}，请与营业执照核对。",
            field=FIELD,
        )
    return code


def _refuse_wrong_length(code: str) -> None:
    if len(code) == LENGTH:
        return
    if len(code) == 15 and code.isdigit():
        raise BadInput(
            "This is a 15-digit business registration number; the 18-character unified social "
            "credit code has replaced it.",
            "这是 15 位的旧工商注册号，请填写 18 位的统一社会信用代码。",
            field=FIELD,
        )
    raise BadInput(
        f"The unified social credit code has {len(code)} characters; it must have {LENGTH}.",
        f"统一社会信用代码应为 {LENGTH} 位，现为 {len(code)} 位。",
        field=FIELD,
    )


def _refuse_foreign_characters(code: str) -> None:
    for place, character in enumerate(code, start=1):
        if character in _VALUE:
            continue
        meant = _LOOKALIKES.get(character)
        hint_en = f" Is it {meant}?" if meant else ""
        hint_zh = f"是否应为 {meant}？" if meant else ""
        raise BadInput(
            f"Character {place} of the unified social credit code is not allowed; digits and "
            f"capital letters without I, O, S, V, Z are.{hint_en}",
            f"统一社会信用代码第 {place} 位不合法，只能是数字和除 I、O、S、V、Z "
            f"外的大写字母。{hint_zh}",
            field=FIELD,
        )


def _refuse_wrong_division(code: str) -> None:
    if not code[2:8].isdigit():
        raise BadInput(
            "Characters 3 to 8 of the unified social credit code are the administrative division "
            "and must be digits.",
            "统一社会信用代码第 3 至 8 位是登记机关行政区划码，必须为数字。",
            field=FIELD,
        )
