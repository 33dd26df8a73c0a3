"""Second factors: six digits that change every half minute (RFC 6238), and codes for a lost telephone.

A code is good once. Each code belongs to a step of time, and a step that was used, or any before it,
is refused: who reads a code over a shoulder comes too late.
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
_DRIFT = (-1, 0, 1)
"""Steps that a telephone's clock may be off."""
_CODE_BYTES = 10


class Ask(Enum):
    """What signing in still needs beside the password."""

    CODE = "code"
    PASSKEY = "passkey"
    NEW_PASSWORD = "new_password"  # noqa: S105 — the name of a need
    ENROL = "enrol"


def new_secret() -> bytes:
    """A new secret, as long as RFC 4226 recommends."""
    return secrets.token_bytes(_SECRET_BYTES)


def typed(secret: bytes) -> str:
    """The secret as somebody types it into an authenticator."""
    return base64.b32encode(secret).decode()


def address(secret: bytes, username: str) -> str:
    """The secret as an authenticator reads it from a picture."""
    return _totp(secret).get_provisioning_uri(username, ISSUER)


def step_of(secret: bytes, code: str, now: float, used: int) -> int | None:
    """The step of time whose code this is, if it is near and later than the last one used."""
    present = int(now) // STEP_SECONDS
    digits = "".join(code.split())
    if len(digits) != DIGITS or not digits.isascii():
        return None
    found = None
    for drift in _DRIFT:
        step = present + drift
        right = _totp(secret).generate(step * STEP_SECONDS)
        if hmac.compare_digest(right, digits.encode()) and step > used:
            found = step
    return found


def recovery_codes() -> list[str]:
    """New codes for when the telephone is lost; each is good once."""
    return [recovery_code() for _ in range(CODES)]


def recovery_code() -> str:
    """A code of 80 random bits that people can read aloud."""
    return _grouped(secrets.token_bytes(_CODE_BYTES))


def recovery_digest(code: str) -> bytes:
    """How a recovery code is kept; its 80 random bits need no slow hash."""
    plain = "".join(character for character in code.upper() if character.isalnum())
    return hashlib.sha256(plain.encode()).digest()


def _grouped(raw: bytes) -> str:
    text = base64.b32encode(raw).decode()
    return "-".join(text[i : i + 4] for i in range(0, len(text), 4))


def _totp(secret: bytes) -> TOTP:
    # Every authenticator knows SHA-1; what is weak about it does not matter for HMAC.
    return TOTP(secret, DIGITS, SHA1(), STEP_SECONDS)  # noqa: S303 — see above
