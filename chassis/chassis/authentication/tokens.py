"""Verify access tokens. A token names the caller and carries no rights: those are in the policy.

Tokens are JWS compact, EdDSA over Ed25519 (RFC 7519, RFC 8037); identity signs them and publishes
its public keys as a JWK set (RFC 7517).
"""

from __future__ import annotations

import time
import warnings
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Container, Mapping
from typing import Any
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, KeySetSerialization
from joserfc.jws import extract_compact

from chassis.actor import Actor
from chassis.errors import Unauthenticated, Unavailable

# RFC 9864 prefers the name Ed25519 for the same signature; libraries in the field still say EdDSA.
warnings.filterwarnings("ignore", message="EdDSA is deprecated")

ISSUER = "huichi"
AUDIENCE = "huichi"
ALGORITHMS = ["EdDSA", "Ed25519"]
LEEWAY_SECONDS = 5
_CACHED_TOKENS = 4096
_REFETCH_SECONDS = 5.0

Fetch = Callable[[], Awaitable[KeySetSerialization]]


class Verifier:
    """Verifies bearer tokens of one process.

    Verified tokens are cached until they expire, since a signature costs about a hundred
    microseconds.
    """

    def __init__(
        self,
        fetch: Fetch,
        *,
        clock: Callable[[], float] = time.time,
        revoked: Container[UUID | str] = frozenset(),
    ) -> None:
        self._fetch = fetch
        self._revoked = revoked
        self._clock = clock
        self._keys: KeySet | None = None
        self._key_ids: frozenset[str] = frozenset()
        self._fetched_at = float("-inf")
        self._verified: OrderedDict[str, tuple[float, UUID, UUID | None, str]] = OrderedDict()
        self._registry = jwt.JWTClaimsRegistry(
            now=lambda: int(clock()),
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": ISSUER},
            aud={"essential": True, "value": AUDIENCE},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
        )

    async def actor(self, token: str, locale: str = "en") -> Actor:
        """Return the actor of a token. Raise `Unauthenticated` for one that is not accepted."""
        verified = self._verified.get(token)
        if verified is None:
            verified = await self._verify(token)
            self._verified[token] = verified
            if len(self._verified) > _CACHED_TOKENS:
                self._verified.popitem(last=False)
        expires, user_id, session_id, key_id = verified
        if expires + LEEWAY_SECONDS < self._clock():
            self._verified.pop(token, None)
            raise Unauthenticated(
                "The token has expired; sign in again or refresh it.",
                "登录已过期，请重新登录或刷新令牌。",
            )
        if key_id in self._revoked or (session_id is not None and session_id in self._revoked):
            raise Unauthenticated(
                "This session has ended; sign in again.", "会话已结束，请重新登录。"
            )
        return Actor(user_id, session_id, locale)

    async def _verify(self, token: str) -> tuple[float, UUID, UUID | None, str]:
        """Return the expiry, user, session and key id of a token."""
        try:
            key_id = str(extract_compact(token.encode()).headers()["kid"])
        except (JoseError, ValueError, KeyError) as problem:
            raise _invalid() from problem
        keys = await self._keys_for(key_id)
        try:
            decoded = jwt.decode(token, keys, algorithms=ALGORITHMS)
            self._registry.validate(decoded.claims)
            claims: Mapping[str, Any] = decoded.claims
            session = claims.get("sid")
            return (
                float(claims["exp"]),
                UUID(claims["sub"]),
                UUID(session) if session else None,
                key_id,
            )
        except (JoseError, ValueError, KeyError, TypeError) as problem:
            raise _invalid() from problem

    async def _keys_for(self, key_id: str) -> KeySet:
        """Return the keys, fetched again for an unknown key id at most every few seconds.

        Keys rotate, so an unknown key may be a new one.
        """
        # Where keys were withdrawn there is a new one, and no user should wait for it.
        withdrawn = any(known_id in self._revoked for known_id in self._key_ids)
        stale = withdrawn or self._clock() - self._fetched_at > _REFETCH_SECONDS
        if self._keys is None or (key_id not in self._key_ids and stale):
            self._fetched_at = self._clock()
            try:
                published = await self._fetch()
            except Exception as problem:
                if self._keys is None:
                    raise Unavailable(
                        "The token keys cannot be fetched from identity, so no token can be "
                        "verified; try again in a moment.",
                        "暂时无法从身份服务获取令牌公钥，请稍后再试。",
                    ) from problem
            else:
                self._keys = KeySet.import_key_set(published)
                self._key_ids = frozenset(key.kid for key in self._keys.keys if key.kid)
        assert self._keys is not None
        return self._keys


def _invalid() -> Unauthenticated:
    return Unauthenticated("The token is not valid; sign in again.", "登录凭证无效，请重新登录。")
