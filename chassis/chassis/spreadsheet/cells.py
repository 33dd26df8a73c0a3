"""The text of a cell, as a spreadsheet program displays it.

Formulas are never evaluated: a cell is the text that is in it. A number that lost digits on its way
through a spreadsheet program (16 and more digits, or 9.11E+17) is returned as `LostDigits`, so that
it is not taken for what was typed.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable

_EXACT_DIGITS = 15  # a double keeps fifteen significant digits of any decimal number
_SCIENTIFIC = re.compile(r"[+-]?\d(?:\.\d+)?E\+?(\d{2,3})", re.I)
_INVISIBLE = "\ufeff\u200b\u200c\u200d\u2060\u00a0\u3000 \t\r\n"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")

Value = int | float | str | bool | dt.time | dt.date | dt.datetime | dt.timedelta


class LostDigits(str):
    """A number whose last digits a spreadsheet program has rounded away."""

    __slots__ = ()


def trimmed(text: str) -> str:
    """Return the text of a cell without invisible characters at its ends."""
    clean = text.strip(_INVISIBLE)
    if clean[:1] == "'" and clean[1:2] in _FORMULA and len(clean) > 1:
        clean = clean[1:]  # the quote that `escape_formula` adds
    number = _SCIENTIFIC.fullmatch(clean)
    return LostDigits(clean) if number and int(number[1]) >= 9 else clean


def text_of(value: Value, convert: Callable[[str], str]) -> str:
    """Return the value of an XLSX cell as text; `convert` is applied to text cells."""
    if isinstance(value, str):
        return convert(value)
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, dt.datetime):
        midnight = value.time() == dt.time.min
        return value.date().isoformat() if midnight else value.isoformat(" ", "seconds")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return str(value)


def _number(value: float) -> str:
    if value != value or value in (float("inf"), float("-inf")):
        return ""
    if value == int(value):
        digits = str(int(value))
        return LostDigits(digits) if len(digits.lstrip("-")) > _EXACT_DIGITS else digits
    return repr(value)


def escape_formula(text: str) -> str:
    """Return the text for a cell of a file we write, so that it is never read as a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
