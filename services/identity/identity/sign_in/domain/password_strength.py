"""Estimate how soon a password would be guessed, and name its weakness.

Leaked passwords, names, rows of keys, repetitions and dates are recognised on this machine:
`zxcvbn` brings the passwords that leaked most often (30,000 of them) with words, names and
keyboards. No password is sent to an outside service.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Any

# Online guessing is throttled; offline, with the hashes, 1e9 guesses cost one processor most of
# a year.
MIN_GUESSES = 1e9
# zxcvbn takes seconds for long texts with many characters that stand for letters (@ for a); a text
# with so many different ones hides no word behind them.
_CHECKED_CHARACTERS, _MAX_SUBSTITUTES = 32, 8
_SUBSTITUTES = "4@8({[<369!1|07+$52%"
_MIN_REMAINDER = 8
_MIN_NAME_LENGTH = 3


class Weakness(Enum):
    """Why a password is guessed soon."""

    LEAKED = "leaked"
    PERSONAL = "personal"
    KEYBOARD = "keyboard"
    REPEATED = "repeated"
    DATE = "date"
    COMMON = "common"


WEAKNESS_TEXTS: dict[Weakness, tuple[str, str]] = {
    Weakness.LEAKED: (
        "it is or contains a password that has leaked often and is tried first",
        "它是或包含常见的泄露密码，会被最先尝试",
    ),
    Weakness.PERSONAL: (
        "it contains the user name, a personal name or the company name",
        "它包含用户名、姓名或公司名称",
    ),
    Weakness.KEYBOARD: ("it is a row of adjacent keys", "它是键盘上的连续按键"),
    Weakness.REPEATED: (
        "it consists of repeated or consecutive characters",
        "它由重复或连续的字符组成",
    ),
    Weakness.DATE: ("it is little more than a date", "它基本上只是一个日期"),
    Weakness.COMMON: ("it consists of common words or names", "它由常见词语或姓名组成"),
}


def find_weakness(password: str, words: Iterable[str] = ()) -> Weakness | None:
    """Return the weakness by which a password would be guessed soon; None if it is strong.

    `words` are names of its owner and of the company.
    """
    folded = unicodedata.normalize("NFKC", password).lower()
    personal_words = sorted(
        {word for text in words for word in _words(text)}, key=len, reverse=True
    )
    if any(
        word in folded and len(folded.replace(word, "")) < _MIN_REMAINDER for word in personal_words
    ):
        return Weakness.PERSONAL
    estimate = _estimate(folded, personal_words)
    if float(estimate["guesses"]) >= MIN_GUESSES:
        return None
    return _largest_weakness(estimate["sequence"])


def _estimate(folded: str, personal_words: Sequence[str]) -> dict[str, Any]:
    """Return the estimate of zxcvbn for a password in lower case."""
    from zxcvbn import (
        zxcvbn,  # its lists take a tenth of a second to read; most processes need none
    )

    signs = set(folded[:_CHECKED_CHARACTERS]) & set(_SUBSTITUTES)
    if len(signs) > _MAX_SUBSTITUTES:
        folded = "".join("·" if character in signs else character for character in folded)
    estimate: dict[str, Any] = zxcvbn(
        folded[:_CHECKED_CHARACTERS], user_inputs=list(personal_words)
    )
    return estimate


def _largest_weakness(parts: Sequence[dict[str, Any]]) -> Weakness:
    """Return the weakness of the longest part of a password that was recognised."""
    recognised = [part for part in parts if part["pattern"] != "bruteforce"]
    if not recognised:
        return Weakness.COMMON
    largest = max(recognised, key=lambda part: len(part["token"]))
    if largest["pattern"] == "repeat":
        return Weakness.REPEATED
    match largest["pattern"], largest.get("dictionary_name"):
        case "dictionary", "passwords":
            return Weakness.LEAKED
        case "dictionary", "user_inputs":
            return Weakness.PERSONAL
        case "spatial", _:
            return Weakness.KEYBOARD
        case "sequence", _:
            return Weakness.REPEATED
        case "date" | "regex", _:
            return Weakness.DATE
    return Weakness.COMMON


def _words(text: str) -> Iterable[str]:
    """Yield a name and its words in lower case; in Chinese, two characters are a name already."""
    folded = unicodedata.normalize("NFKC", text).lower()
    for word in (folded.strip(), *re.split(r"[\s._@,，·-]+", folded)):
        least = 2 if any("\u4e00" <= letter <= "\u9fff" for letter in word) else _MIN_NAME_LENGTH
        if len(word) >= least:
            yield word
