"""Redact a sensitive value: show all of it, part of it, its fingerprint, or nothing."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

Fingerprint = Callable[[str], str]


class Visibility(Enum):
    """How much of a sensitive value its reader sees."""

    CLEAR = "CLEAR"
    MASKED = "MASKED"
    HIDDEN = "HIDDEN"


@dataclass(frozen=True, slots=True)
class Protected:
    """A sensitive value as its reader may see it, and how much of it that is."""

    text: str | None
    visibility: Visibility


HIDDEN = Protected(None, Visibility.HIDDEN)


def redact(redaction: str, text: str | None, fingerprint: Fingerprint | None = None) -> Protected:
    """Return a text under a redaction. `None` stays `None`, with the visibility it would have."""
    match redaction:
        case "clear":
            return Protected(text, Visibility.CLEAR)
        case "hidden":
            return HIDDEN
        case _:
            masked = None if text is None else _mask(redaction, text, fingerprint)
            return Protected(masked, Visibility.MASKED)


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
    """Return the fingerprint function of a coordinate.

    Equal values of one coordinate have equal fingerprints in all services. It is keyed (HMAC),
    because telephone numbers can be enumerated: without the secret a fingerprint reveals nothing.
    Another coordinate gives other fingerprints, and 80 bits do not collide by accident.
    """
    key = hmac.digest(secret.encode(), f"mask:hash:{coordinate}".encode(), hashlib.sha256)

    def fingerprint(text: str) -> str:
        digest = hmac.digest(key, text.encode(), hashlib.sha256)[:10]
        return "#" + base64.b32encode(digest).decode().lower()

    return fingerprint
