"""Names of organisations and people, folded so that spellings of one name meet.

`search_key` keeps everything that can be read and is what a search looks into. `core` also drops the
legal form (有限公司, Co., Ltd. …) and is what matching compares. The region in front stays: 北京华宁
and 上海华宁 are two companies. So does 分公司: a branch is not its parent.
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
    r"(?:(?<![a-z0-9])(?:company limited|co limited|co ltd|private limited|pte ltd|pty ltd|limited|ltd|"
    r"incorporated|inc|llc|llp|corporation|corp|company|co|gmbh|plc|ag|sa|bv)\s*)+$"
)
_VARIANTS = str.maketrans({"臺": "台", "〇": "零"})


def search_key(name: str) -> str:
    """Half width, one case, only letters and digits."""
    return "".join(character for character in _folded(name) if character.isalnum())


def core(name: str) -> str:
    """The search key without the legal form at its end."""
    words = re.sub(r"[^\w]+|_+", " ", _folded(name)).strip()
    short = _LATIN_FORM.sub("", words).strip() or words
    joined = "".join(short.split())
    return _without_chinese_form(joined) or joined


def grams(key: str) -> list[str]:
    """The single characters and pairs of a search key: what the substring index holds."""
    pairs = {key[at : at + 2] for at in range(len(key) - 1)}
    return sorted(pairs | set(key))


def wanted_grams(key: str) -> list[str]:
    """The grams every name that contains this key has."""
    return sorted({key[at : at + 2] for at in range(len(key) - 1)}) or [key]


def likeness(one: str, other: str) -> float:
    """How alike two cores are, 0 to 1: shared pairs, or the shorter contained in the longer."""
    if one == other:
        return 1.0
    short, long = sorted((one, other), key=len)
    if len(short) >= 2 and short in long:
        return 0.9
    mine, theirs = _pairs(one), _pairs(other)
    return 2 * len(mine & theirs) / (len(mine) + len(theirs)) if mine and theirs else 0.0


def comparable(one: str, other: str) -> bool:
    """Whether two cores are written in one script; Huaning and 华宁 say nothing about each other."""
    return _is_latin(one) == _is_latin(other)


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
