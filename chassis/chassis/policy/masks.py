"""How a sensitive value looks under each redaction: all of it, part of it, its fingerprint, nothing."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

Fingerprint = Callable[[str], str]


class Visibility(Enum):
    """How much of a sensitive value its reader gets."""

    CLEAR = "CLEAR"
    MASKED = "MASKED"
    HIDDEN = "HIDDEN"


@dataclass(frozen=True, slots=True)
class Protected:
    """A sensitive value as this reader may see it, and whether that is all of it."""

    text: str | None
    visibility: Visibility


HIDDEN = Protected(None, Visibility.HIDDEN)


def redact(redaction: str, text: str | None, fingerprint: Fingerprint | None = None) -> Protected:
    """The text under one redaction. An empty value stays empty and says what it would have been."""
    match redaction:
        case "clear":
            return Protected(text, Visibility.CLEAR)
        case "hidden":
            return HIDDEN
        case _:
            shown = None if text is None else _mask(redaction, text, fingerprint)
            return Protected(shown, Visibility.MASKED)


def _mask(redaction: str, text: str, fingerprint: Fingerprint | None) -> str:
    match redaction:
        case "mask:first3last4" if len(text) > 8:
            return f"{text[:3]}{'*' * (len(text) - 7)}{text[-4:]}"
        case "mask:first1" if len(text) > 1:
            return text[0] + "*" * (len(text) - 1)
        case "mask:domain" if "@" in text:
            return "***@" + text.rsplit("@", 1)[1]
        case "mask:hash" if fingerprint is not None:
            return fingerprint(text)
        case _:
            return "***"


def fingerprints(secret: str, coordinate: str) -> Fingerprint:
    """The same for equal values of one coordinate everywhere in the company, and nothing else.

    Keyed, because telephone numbers can be counted through: without the secret a fingerprint tells
    nothing, with another coordinate it is another one, and 80 bits do not meet by accident.
    """
    key = hmac.digest(secret.encode(), f"mask:hash:{coordinate}".encode(), hashlib.sha256)

    def fingerprint(text: str) -> str:
        said = hmac.digest(key, text.encode(), hashlib.sha256)[:10]
        return "#" + base64.b32encode(said).decode().lower()

    return fingerprint
