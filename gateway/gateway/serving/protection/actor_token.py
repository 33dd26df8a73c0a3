"""Names the caller to subgraphs in a short-lived token that the gateway itself signs."""

import hashlib
import time
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from gateway.errors import BadSettings
from gateway.protection import ActorHeader
from gateway.serving.cache import LruCache
from gateway.serving.protection.caller import Caller


class ActorTokens:
    """Signs the actor tokens of one gateway, one for each caller at a time."""

    def __init__(self, settings: ActorHeader) -> None:
        self.settings = settings
        try:
            key = OKPKey.import_key(settings.key.read_bytes())
        except (OSError, ValueError, JoseError) as error:
            raise _bad_key(settings) from error
        if not key.is_private or key.curve_name != "Ed25519":
            raise _bad_key(settings)
        self._key = key
        public = key.as_dict(private=False)
        self._id = hashlib.sha256(str(public["x"]).encode()).hexdigest()[:16]
        self.jwks: dict[str, Any] = {
            "keys": [{**public, "kid": self._id, "use": "sig", "alg": "EdDSA"}]
        }
        self._tokens: LruCache[tuple[str, str | None], tuple[float, str]] = LruCache(10_000, 10_000)

    def header(self, caller: Caller) -> tuple[str, str] | None:
        """Return the header for one request; None for anonymous callers.

        A token may be used again for a third of its life, so that a busy caller costs one signature
        in many requests and a subgraph still has time.
        """
        if caller.subject is None:
            return None
        key = (caller.subject, repr(sorted(caller.claims.items())))
        entry = self._tokens.get(key)
        now = time.time()
        if entry is None or now > entry[0]:
            token = self._sign(caller, int(now))
            entry = (now + self.settings.seconds / 3, token)
            self._tokens.put(key, entry, 1)
        return self.settings.header, entry[1]

    def _sign(self, caller: Caller, now: int) -> str:
        settings = self.settings
        claims = {
            **{name: caller.claims[name] for name in settings.claims if name in caller.claims},
            "iss": settings.issuer,
            "aud": settings.audience,
            "sub": caller.subject,
            "scope": " ".join(sorted(caller.scopes)),
            "iat": now,
            "exp": min(now + int(settings.seconds), int(caller.expires)),
        }
        header = {"alg": "EdDSA", "kid": self._id, "typ": "JWT"}
        return jwt.encode(header, claims, self._key, algorithms=["EdDSA"])


def _bad_key(settings: ActorHeader) -> BadSettings:
    return BadSettings(
        f"{settings.key} is not an Ed25519 private key in PEM; make one with "
        "openssl genpkey -algorithm ed25519.",
        f"{settings.key} 不是 PEM 格式的 Ed25519 私钥；"
        "可用 openssl genpkey -algorithm ed25519 生成。",
    )
