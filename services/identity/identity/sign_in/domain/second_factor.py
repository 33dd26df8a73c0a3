"""Second factors: time-based codes (TOTP, RFC 6238) and recovery codes for a lost telephone.

A code is valid once. Each code belongs to a time step, and a step that was used, or any before it,
is refused: a code that was read over a shoulder comes too late.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from enum import Enum

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

ISSUER = "Huichi"
STEP_SECONDS = 30
DIGITS = 6
CODES = 10
_SECRET_BYTES = 20
_ALLOWED_DRIFT = (-1, 0, 1)
"""Time steps by which the clock of a telephone may be off."""
_CODE_BYTES = 10


class SignInNeed(Enum):
    """What a sign-in still needs beside the password."""

    CODE = "code"
    PASSKEY = "passkey"
    NEW_PASSWORD = "new_password"  # noqa: S105 — the name of a need
    ENROL = "enrol"


def new_secret() -> bytes:
    """Return a new 160-bit secret, as long as RFC 4226 recommends."""
    return secrets.token_bytes(_SECRET_BYTES)


def secret_text(secret: bytes) -> str:
    """Return the secret as a user types it into an authenticator (base32)."""
    return base64.b32encode(secret).decode()


def provisioning_uri(secret: bytes, username: str) -> str:
    """Return the `otpauth://` URI of a secret, which an authenticator reads as a QR code."""
    return _totp(secret).get_provisioning_uri(username, ISSUER)


def matching_step(secret: bytes, code: str, now: float, used: int) -> int | None:
    """Return the time step whose code this is, if it is near now and after the last one used."""
    present = int(now) // STEP_SECONDS
    digits = "".join(code.split())
    if len(digits) != DIGITS or not digits.isascii():
        return None
    matched = None
    for drift in _ALLOWED_DRIFT:
        step = present + drift
        expected = _totp(secret).generate(step * STEP_SECONDS)
        if hmac.compare_digest(expected, digits.encode()) and step > used:
            matched = step
    return matched


def new_recovery_codes() -> list[str]:
    """Return new recovery codes; each is valid once."""
    return [new_recovery_code() for _ in range(CODES)]


def new_recovery_code() -> str:
    """Return a code of 80 random bits in groups of four characters."""
    return _in_groups(secrets.token_bytes(_CODE_BYTES))


def recovery_code_digest(code: str) -> bytes:
    """Return the stored digest of a recovery code; 80 random bits need no slow hash."""
    plain = "".join(character for character in code.upper() if character.isalnum())
    return hashlib.sha256(plain.encode()).digest()


def _in_groups(raw: bytes) -> str:
    text = base64.b32encode(raw).decode()
    return "-".join(text[i : i + 4] for i in range(0, len(text), 4))


def _totp(secret: bytes) -> TOTP:
    # Every authenticator supports SHA-1; its collision weakness does not affect HMAC.
    return TOTP(secret, DIGITS, SHA1(), STEP_SECONDS)  # noqa: S303 — see above
