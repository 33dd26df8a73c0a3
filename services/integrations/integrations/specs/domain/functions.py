"""The functions a mapping may name in `via`; all of them are pure.

Each takes and returns a value that may be missing: an uncertain value becomes `None`, not a guess.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from integrations.specs.domain.source_record import as_utc

Function = Callable[[Any], Any]

# GB 32100-2015: 31 characters (no I O S V Z) and the weight of each of the first 17 positions.
_CREDIT_LETTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CREDIT_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")


def text(value: Any) -> str | None:
    """Return a scalar as text without outer spaces; `None` for containers and blanks."""
    if value is None or isinstance(value, (dict, list)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    # A spreadsheet holds 13800138000.0 for a phone number that was entered as a number.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip() or None


def first(value: Any) -> Any:
    """Return the first non-blank item of a list; any other value is returned as it is."""
    if isinstance(value, list):
        return next((item for item in value if item not in (None, "")), None)
    return value


def squeeze(value: Any) -> str | None:
    """Return text in which line breaks and runs of spaces are one space."""
    string = text(value)
    return " ".join(string.split()) if string else None


def lower(value: Any) -> str | None:
    """Return text in lower case."""
    string = text(value)
    return string.lower() if string else None


def upper(value: Any) -> str | None:
    """Return text in upper case."""
    string = text(value)
    return string.upper() if string else None


def email(value: Any) -> str | None:
    """Return an email address (one @ and a dot behind it) in lower case."""
    address = lower(value)
    return address if address and _EMAIL.fullmatch(address) else None


def e164(value: Any) -> str | None:
    """Return a telephone number in the form of ITU-T E.164.

    Numbers of mainland China get `+86`; others must begin with `+` or `00`.
    """
    number = text(value)
    if not number:
        return None
    digits = re.sub(r"\D", "", number)
    if number.startswith(("+", "00")):
        return "+" + digits.removeprefix("00") if len(digits) >= 8 else None
    if re.fullmatch(r"1[3-9]\d{9}", digits):
        return "+86" + digits
    if re.fullmatch(r"861[3-9]\d{9}", digits):
        return "+" + digits
    if re.fullmatch(r"0\d{9,11}", digits):
        return "+86" + digits[1:]
    return None


def credit_code(value: Any) -> str | None:
    """Return a unified social credit code with a valid check character.

    Of a list, the first such code is returned.
    """
    candidates = value if isinstance(value, list) else [value]
    return next((code for item in candidates if (code := _credit_code(item))), None)


def _credit_code(value: Any) -> str | None:
    code = re.sub(r"[\s-]", "", text(value) or "").upper()
    if len(code) != 18 or any(letter not in _CREDIT_LETTERS for letter in code):
        return None
    return code if code[17] == credit_check(code[:17]) else None


def credit_check(body: str) -> str:
    """Return the check character of the first 17 characters of a code (GB 32100-2015)."""
    total = sum(
        _CREDIT_LETTERS.index(letter) * weight
        for letter, weight in zip(body, _CREDIT_WEIGHTS, strict=True)
    )
    return _CREDIT_LETTERS[(31 - total % 31) % 31]


def iso_time(value: Any) -> datetime | None:
    """Return the time of an ISO 8601 text or `2026-01-31 08:00:00`; UTC where no zone is given."""
    if isinstance(value, datetime):
        return as_utc(value)
    try:
        return as_utc(datetime.fromisoformat(text(value) or ""))
    except ValueError:
        return None


def epoch_s(value: Any) -> datetime | None:
    """Return the time of a number of seconds since 1970."""
    try:
        return datetime.fromtimestamp(float(text(value) or ""), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def epoch_ms(value: Any) -> datetime | None:
    """Return the time of a number of milliseconds since 1970."""
    try:
        return datetime.fromtimestamp(float(text(value) or "") / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


PLAIN: dict[str, Function] = {
    "trim": text,
    "first": first,
    "squeeze": squeeze,
    "lower": lower,
    "upper": upper,
    "email": email,
    "e164": e164,
    "credit_code": credit_code,
    "iso_time": iso_time,
    "epoch_s": epoch_s,
    "epoch_ms": epoch_ms,
}


def join(separator: Any) -> Function:
    """Return a function that joins the items of a list to one text."""

    def apply(value: Any) -> Any:
        if not isinstance(value, list):
            return value
        parts = (string for item in value if (string := text(item)))
        return str(separator).join(parts) or None

    return apply


def split(separator: Any) -> Function:
    """Return a function that splits a text into its non-blank parts."""

    def apply(value: Any) -> Any:
        parts = (text(value) or "").split(str(separator))
        return [part.strip() for part in parts if part.strip()]

    return apply


def map_enum(table: Any) -> Function:
    """Return a function that looks a value up in a table.

    A value that is not in the table becomes the table's `*`, or is missing.
    """

    def apply(value: Any) -> Any:
        return table.get(text(value) or "", table.get("*"))

    return apply


WITH_ARGUMENT: dict[str, tuple[type, Callable[[Any], Function]]] = {
    "join": (str, join),
    "split": (str, split),
    "map_enum": (dict, map_enum),
}


def find_function(step: Any) -> Function:
    """Return the function of a step in `via`: `"trim"` or `{"join": ", "}`. Raises `ValueError`."""
    if isinstance(step, str) and step in PLAIN:
        return PLAIN[step]
    if isinstance(step, dict) and len(step) == 1:
        ((name, argument),) = step.items()
        if name in WITH_ARGUMENT:
            kind, make = WITH_ARGUMENT[name]
            if not isinstance(argument, kind):
                raise ValueError(f"{name} needs a {kind.__name__}, not {argument!r}")
            return make(argument)
    available = ", ".join([*PLAIN, *(f"{{{name!r}: …}}" for name in WITH_ARGUMENT)])
    raise ValueError(f"unknown function {step!r}; available are: {available}")
