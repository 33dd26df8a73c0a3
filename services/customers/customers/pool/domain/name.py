"""Names of organisations and persons, folded so that different spellings of a name are equal.

`search_key` keeps all letters and digits and is what a search compares. `core` also drops the legal
form (有限公司, Co., Ltd. …) and is what matching compares. The region in front stays: 北京华宁 and
上海华宁 are two companies. So does 分公司: a branch is not its parent.
"""

from __future__ import annotations

import re
import unicodedata

_CHINESE_FORMS = (
    "股份有限责任公司",
    "股份有限公司",
    "有限责任公司",
    "有限公司",
    "股份公司",
    "公司",
)
_LATIN_FORM = re.compile(
    r"(?:(?<![a-z0-9])(?:company limited|co limited|co ltd|private limited|pte ltd|pty ltd|limited|"
    r"ltd|incorporated|inc|llc|llp|corporation|corp|company|co|gmbh|plc|ag|sa|bv)\s*)+$"
)
_VARIANTS = str.maketrans({"臺": "台", "〇": "零"})


def search_key(name: str) -> str:
    """Fold a name to half width, one case, letters and digits only."""
    return "".join(character for character in _folded(name) if character.isalnum())


def core(name: str) -> str:
    """Return the search key of a name without the legal form at its end."""
    words = re.sub(r"[^\w]+|_+", " ", _folded(name)).strip()
    short = _LATIN_FORM.sub("", words).strip() or words
    joined = "".join(short.split())
    return _without_chinese_form(joined) or joined


def grams(key: str) -> list[str]:
    """Return the characters and bigrams of a search key, which the substring index holds."""
    pairs = {key[at : at + 2] for at in range(len(key) - 1)}
    return sorted(pairs | set(key))


def query_grams(key: str) -> list[str]:
    """Return the grams of every name that contains this key: its bigrams, or its one character."""
    return sorted({key[at : at + 2] for at in range(len(key) - 1)}) or [key]


def likeness(left: str, right: str) -> float:
    """Compare two cores, 0 to 1: Dice coefficient of bigrams, 0.9 if one contains the other."""
    if left == right:
        return 1.0
    short, long = sorted((left, right), key=len)
    if len(short) >= 2 and short in long:
        return 0.9
    left_pairs, right_pairs = _pairs(left), _pairs(right)
    if not left_pairs or not right_pairs:
        return 0.0
    return 2 * len(left_pairs & right_pairs) / (len(left_pairs) + len(right_pairs))


def comparable(left: str, right: str) -> bool:
    """Check whether two cores are in the same script; Huaning and 华宁 cannot be compared."""
    return _is_latin(left) == _is_latin(right)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold().translate(_VARIANTS)


def _without_chinese_form(joined: str) -> str:
    if joined.endswith("分公司"):
        return joined
    for form in _CHINESE_FORMS:
        if joined.endswith(form):
            return joined.removesuffix(form)
    return joined


def _pairs(key: str) -> set[str]:
    return {key[at : at + 2] for at in range(len(key) - 1)} if len(key) > 2 else set(key)


def _is_latin(key: str) -> bool:
    return all(ord(character) < 0x250 for character in key)
