"""The statuses and limits of an import, and the short-lived tokens for its files."""

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


def sign_token(secret: bytes, file: str, expires: int) -> str:
    """Return the token for one file of an import, valid until a moment (seconds since 1970).

    The signature is HMAC-SHA-256 with the import's secret.
    """
    signature = hmac.new(secret, f"{file}|{expires}".encode(), hashlib.sha256).hexdigest()
    return f"{expires}.{signature}"


def is_valid(secret: bytes, file: str, token: str, now: float) -> bool:
    """Check whether a token is valid for a file now."""
    expires, _, _ = token.partition(".")
    if not expires.isascii() or not expires.isdigit() or len(expires) > 12 or int(expires) < now:
        return False
    expected = sign_token(secret, file, int(expires))
    return hmac.compare_digest(expected.encode(), token.encode())
