"""Tokens: an access token identifies a user for some minutes, a refresh token renews it once.

An access token is a JWS (EdDSA over Ed25519) that any service verifies by itself. A refresh token
is 256 random bits of which only a hash is stored: a copy of the database lets no one sign in.
"""

from __future__ import annotations

import hashlib
import secrets
import warnings
from uuid import uuid4

from joserfc import jwt
from joserfc.jwk import OKPKey

from chassis.authentication.tokens import AUDIENCE, ISSUER
from identity.core.domain.ids import SessionId, UserId

# RFC 9864 prefers the name Ed25519, which few verifiers know yet; the key is an Ed25519 key.
ALGORITHM = "EdDSA"
warnings.filterwarnings("ignore", message="EdDSA is deprecated")


def sign_access_token(
    key: OKPKey, user: UserId, session: SessionId, *, now: float, seconds: int
) -> str:
    """Return a signed JWT that names a user and their session."""
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(user),
        "sid": str(session),
        "iat": int(now),
        "exp": int(now) + seconds,
        "jti": uuid4().hex,
    }
    header = {"alg": ALGORITHM, "kid": key.kid, "typ": "JWT"}
    return jwt.encode(header, claims, key, algorithms=[ALGORITHM])


def new_key() -> OKPKey:
    """Return a new Ed25519 signing key with a random key id."""
    return OKPKey.generate_key("Ed25519", {"kid": uuid4().hex, "use": "sig", "alg": ALGORITHM})


def new_refresh_token() -> str:
    """Return a new refresh token of 256 random bits."""
    return secrets.token_urlsafe(32)


def token_digest(token: str) -> bytes:
    """Return the stored digest of a refresh token; 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode()).digest()
