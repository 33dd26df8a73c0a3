"""What an import is: its states, its limits, and the short-lived keys to its files."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

AWAITING_FILE: Final = "AWAITING_FILE"
READY: Final = "READY"
QUEUED: Final = "QUEUED"
RUNNING: Final = "RUNNING"
DONE: Final = "DONE"
FAILED: Final = "FAILED"
CANCELLED: Final = "CANCELLED"

CHUNK = 500
MAX_FAILURES = 5
TOKEN_SECONDS = 900
INLINE_BYTES = 4 * 1024 * 1024

UPLOAD = "file"
ERRORS_CSV = "errors.csv"
ERRORS_XLSX = "errors.xlsx"


def token(secret: bytes, door: str, expires: int) -> str:
    """The key to one door of an import until a moment (seconds since 1970)."""
    signed = hmac.new(secret, f"{door}|{expires}".encode(), hashlib.sha256).hexdigest()
    return f"{expires}.{signed}"


def opens(secret: bytes, door: str, given: str, now: float) -> bool:
    """Whether a key opens a door now."""
    expires, _, _ = given.partition(".")
    if not expires.isascii() or not expires.isdigit() or len(expires) > 12 or int(expires) < now:
        return False
    return hmac.compare_digest(token(secret, door, int(expires)).encode(), given.encode())
