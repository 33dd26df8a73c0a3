"""The functions a mapping may name in `via`; there are no others, and none reads a clock or a file.

Each takes a value that may be missing and gives a value that may be missing: a doubtful value
becomes `None` instead of a guess.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from integrations.specs.domain.source_record import as_utc

Function = Callable[[Any], Any]

# GB 32100-2015: 31 letters (no I O S V Z) and the weight of each of the first 17 places.
_CREDIT_LETTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CREDIT_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")


def text(value: Any) -> str | None:
    """Whatever a scalar is, as text without outer spaces; containers and blanks are missing."""
    if value is None or isinstance(value, (dict, list)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    # A spreadsheet gives 13800138000.0 for a phone number that somebody typed as a number.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip() or None


def first(value: Any) -> Any:
    """The first item of a list; anything else is itself."""
    if isinstance(value, list):
        return next((item for item in value if item not in (None, "")), None)
    return value


def squeeze(value: Any) -> str | None:
    """Lines and runs of spaces become one space."""
    said = text(value)
    return " ".join(said.split()) if said else None


def lower(value: Any) -> str | None:
    said = text(value)
    return said.lower() if said else None


def upper(value: Any) -> str | None:
    said = text(value)
    return said.upper() if said else None


def email(value: Any) -> str | None:
    """A thing with one @ and a dot behind it, in lower case."""
    said = lower(value)
    return said if said and _EMAIL.fullmatch(said) else None


def e164(value: Any) -> str | None:
    """A telephone number as `+86…` for mainland numbers, or as it is when it begins with +."""
    said = text(value)
    if not said:
        return None
    digits = re.sub(r"\D", "", said)
    if said.startswith(("+", "00")):
        return "+" + digits.removeprefix("00") if len(digits) >= 8 else None
    if re.fullmatch(r"1[3-9]\d{9}", digits):
        return "+86" + digits
    if re.fullmatch(r"861[3-9]\d{9}", digits):
        return "+" + digits
    if re.fullmatch(r"0\d{9,11}", digits):
        return "+86" + digits[1:]
    return None


def credit_code(value: Any) -> str | None:
    """A unified social credit code whose check digit is right; of a list, the first such one."""
    candidates = value if isinstance(value, list) else [value]
    return next((code for item in candidates if (code := _credit_code(item))), None)


def _credit_code(value: Any) -> str | None:
    said = re.sub(r"[\s-]", "", text(value) or "").upper()
    if len(said) != 18 or any(letter not in _CREDIT_LETTERS for letter in said):
        return None
    return said if said[17] == credit_check(said[:17]) else None


def credit_check(body: str) -> str:
    """The check letter that belongs to the first 17 letters of a credit code."""
    total = sum(
        _CREDIT_LETTERS.index(letter) * weight
        for letter, weight in zip(body, _CREDIT_WEIGHTS, strict=True)
    )
    return _CREDIT_LETTERS[(31 - total % 31) % 31]


def iso_time(value: Any) -> datetime | None:
    """ISO 8601, or `2026-01-31 08:00:00`; without a zone it is UTC."""
    if isinstance(value, datetime):
        return as_utc(value)
    try:
        return as_utc(datetime.fromisoformat(text(value) or ""))
    except ValueError:
        return None


def epoch_s(value: Any) -> datetime | None:
    """Seconds since 1970."""
    try:
        return datetime.fromtimestamp(float(text(value) or ""), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def epoch_ms(value: Any) -> datetime | None:
    """Milliseconds since 1970."""
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
    """The parts of a list as one text."""

    def run(value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return str(separator).join(said for item in value if (said := text(item))) or None

    return run


def split(separator: Any) -> Function:
    """One text as a list of its parts."""

    def run(value: Any) -> Any:
        said = text(value)
        return [part.strip() for part in said.split(str(separator)) if part.strip()] if said else []

    return run


def map_enum(table: Any) -> Function:
    """One word for another; a word that is not in the table is missing (`*` catches the rest)."""

    def run(value: Any) -> Any:
        return table.get(text(value) or "", table.get("*"))

    return run


WITH_ARGUMENT: dict[str, tuple[type, Callable[[Any], Function]]] = {
    "join": (str, join),
    "split": (str, split),
    "map_enum": (dict, map_enum),
}


def function(named: Any) -> Function:
    """The function that `via` names: `"trim"` or `{"join": ", "}`. Raises `ValueError`."""
    if isinstance(named, str) and named in PLAIN:
        return PLAIN[named]
    if isinstance(named, dict) and len(named) == 1:
        ((name, argument),) = named.items()
        if name in WITH_ARGUMENT:
            kind, make = WITH_ARGUMENT[name]
            if not isinstance(argument, kind):
                raise ValueError(f"{name} needs a {kind.__name__}, not {argument!r}")
            return make(argument)
    known = ", ".join([*PLAIN, *(f"{{{name!r}: …}}" for name in WITH_ARGUMENT)])
    raise ValueError(f"unknown function {named!r}; there are: {known}")
