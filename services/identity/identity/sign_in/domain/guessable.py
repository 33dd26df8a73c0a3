"""How soon a password would be guessed, and why: leaked lists, names, rows of keys, repetitions, dates.

Everything is on this machine: `zxcvbn` brings the passwords that leaked most often (30,000 of them) with
words, names and keyboards. Nothing is asked of a service, so nobody learns what people try.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Any

# Online guessing is throttled; for who has the hashes this is most of a year of one processor.
ENOUGH_GUESSES = 1e9
# The library takes seconds for long texts of many signs that stand for letters; whoever writes so many
# different ones has hidden no word behind them.
_LOOKED_AT, _MOST_SIGNS = 32, 8
_SIGNS = "4@8({[<369!1|07+$52%"
_LEFT_OVER = 8
_SHORTEST_NAME = 3


class Reason(Enum):
    """Why a password is guessed soon."""

    LEAKED = "leaked"
    PERSONAL = "personal"
    KEYBOARD = "keyboard"
    REPEATED = "repeated"
    DATE = "date"
    COMMON = "common"


SAID: dict[Reason, tuple[str, str]] = {
    Reason.LEAKED: (
        "it is, or is built on, a password that leaked often and is tried first",
        "它是（或基于）常见的泄露密码，会被最先尝试",
    ),
    Reason.PERSONAL: (
        "it holds the user name, a name or the company's name",
        "它包含用户名、姓名或公司名称",
    ),
    Reason.KEYBOARD: ("it is a row of keys", "它是键盘上的连续按键"),
    Reason.REPEATED: ("it repeats itself or counts up", "它由重复或连续的字符组成"),
    Reason.DATE: ("it is hardly more than a date", "它基本上只是一个日期"),
    Reason.COMMON: ("it is made of common words or names", "它由常见词语或姓名组成"),
}


def why(password: str, words: Iterable[str] = ()) -> Reason | None:
    """Why this would be guessed soon; None: it would not."""
    folded = unicodedata.normalize("NFKC", password).lower()
    known = sorted({one for text in words for one in _parts(text)}, key=len, reverse=True)
    if any(one in folded and len(folded.replace(one, "")) < _LEFT_OVER for one in known):
        return Reason.PERSONAL
    found = _estimate(folded, known)
    if float(found["guesses"]) >= ENOUGH_GUESSES:
        return None
    return _reason(found["sequence"])


def _estimate(folded: str, words: Sequence[str]) -> dict[str, Any]:
    from zxcvbn import (
        zxcvbn,  # its lists take a tenth of a second to read; most processes need none
    )

    signs = set(folded[:_LOOKED_AT]) & set(_SIGNS)
    if len(signs) > _MOST_SIGNS:
        folded = "".join("·" if one in signs else one for one in folded)
    found: dict[str, Any] = zxcvbn(folded[:_LOOKED_AT], user_inputs=list(words))
    return found


def _reason(parts: Sequence[dict[str, Any]]) -> Reason:
    """What the largest part of it is that was recognised."""
    recognised = [one for one in parts if one["pattern"] != "bruteforce"]
    if not recognised:
        return Reason.COMMON
    largest = max(recognised, key=lambda one: len(one["token"]))
    if largest["pattern"] == "repeat":
        return Reason.REPEATED
    match largest["pattern"], largest.get("dictionary_name"):
        case "dictionary", "passwords":
            return Reason.LEAKED
        case "dictionary", "user_inputs":
            return Reason.PERSONAL
        case "spatial", _:
            return Reason.KEYBOARD
        case "sequence", _:
            return Reason.REPEATED
        case "date" | "regex", _:
            return Reason.DATE
    return Reason.COMMON


def _parts(text: str) -> Iterable[str]:
    """A name and its words; of Chinese names two characters are a name already."""
    folded = unicodedata.normalize("NFKC", text).lower()
    for one in (folded.strip(), *re.split(r"[\s._@,，·-]+", folded)):
        least = 2 if any("\u4e00" <= letter <= "\u9fff" for letter in one) else _SHORTEST_NAME
        if len(one) >= least:
            yield one
