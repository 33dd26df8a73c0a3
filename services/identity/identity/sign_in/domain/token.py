"""Tokens: an access token says who somebody is for some minutes, a refresh token renews it once.

An access token is a JWS (EdDSA over Ed25519) that any service checks by itself. A refresh token is
256 random bits of which only a hash is kept: a copy of the database signs nobody in.
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


def access_token(key: OKPKey, user: UserId, session: SessionId, *, now: float, seconds: int) -> str:
    """A signed token that names a user and their session."""
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
    """A new signing key under a name of its own."""
    return OKPKey.generate_key("Ed25519", {"kid": uuid4().hex, "use": "sig", "alg": ALGORITHM})


def refresh_token() -> str:
    """A new refresh token."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> bytes:
    """How a refresh token is kept; its 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode()).digest()
