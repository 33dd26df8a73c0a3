"""Bearer tokens as an issuer signs them, so that checking them is part of what is measured."""

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
"""A client sends its token until it expires, so the next request of the same token comes while others of
`CALLERS` clients have asked in between: no two requests under way carry the same."""
FEW = 64
"""Enough where nobody looks at tokens."""
MORE_THAN_ARE_REMEMBERED = 12_000
"""Taken in turn, each has been forgotten when it comes again (ours remembers 10,000)."""


class Issuer:
    """Signs with a key of its own; its public half is in a file."""

    def __init__(self, jwks: Path) -> None:
        self.key = OKPKey.generate_key("Ed25519", {"kid": "bench"})
        self.jwks = jwks
        jwks.write_text(json.dumps({"keys": [self.key.as_dict(private=False)]}))

    def tokens(self, count: int) -> Sequence[bytes]:
        """So many callers' tokens."""
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
