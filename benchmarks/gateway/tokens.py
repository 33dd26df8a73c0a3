"""Bearer tokens as an issuer signs them, so that the figures include their verification."""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import OKPKey

# RFC 9864 prefers the name Ed25519 for the same signature; libraries in the field still say EdDSA.
warnings.filterwarnings("ignore", message="EdDSA is deprecated")

ISSUER, AUDIENCE = "https://id.example", "shop"
CALLERS = 2_000
"""The number of clients that send requests in turn: no two requests under way carry one token."""
FEW = 64
"""The number of clients where tokens are not part of the measurement."""
MORE_THAN_ARE_REMEMBERED = 12_000
"""Used in turn, each token has left our cache of 10,000 when it comes again."""


class Issuer:
    """Sign tokens with a new key; its public half is written to a file."""

    def __init__(self, jwks: Path) -> None:
        self.key = OKPKey.generate_key("Ed25519", {"kid": "bench"})
        self.jwks = jwks
        jwks.write_text(json.dumps({"keys": [self.key.as_dict(private=False)]}))

    def tokens(self, count: int) -> Sequence[bytes]:
        """Return the tokens of so many callers."""
        return [self._token(number) for number in range(count)]

    def _token(self, number: int) -> bytes:
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": f"user-{number:08}",
            "sid": f"session-{number:08}",
            "scope": "read write",
            "iat": now,
            "exp": now + 86_400,
        }
        header = {"alg": "EdDSA", "kid": "bench", "typ": "JWT"}
        return jwt.encode(header, claims, self.key, algorithms=["EdDSA"]).encode()
