"""Who is asking. A token says who, never what: rights live in the policy.

Tokens are JWS compact, EdDSA over Ed25519 (RFC 7519, RFC 8037); identity signs them and publishes
its public keys as a JWK set (RFC 7517).
"""

from __future__ import annotations

import time
import warnings
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Container, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, KeySetSerialization

from chassis.errors import Unauthenticated, Unavailable

# RFC 9864 prefers the name Ed25519 for the same signature; libraries in the field still say EdDSA.
warnings.filterwarnings("ignore", message="EdDSA is deprecated")

ISSUER = "huichi"
AUDIENCE = "huichi"
ALGORITHMS = ["EdDSA", "Ed25519"]
LEEWAY_SECONDS = 5
_REMEMBERED = 4096
_REFETCH_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Actor:
    """A person or a service user, the session they came with, and for whom they act if it is not
    for themselves."""

    user_id: UUID
    session_id: UUID | None = None
    locale: str = "en"
    on_behalf_of: UUID | None = None


Fetch = Callable[[], Awaitable[KeySetSerialization]]


class Verifier:
    """Tells the actor of a bearer token, or refuses it. Verified tokens are remembered until they
    expire, since a signature costs about a hundred microseconds."""

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
        self._known: frozenset[str] = frozenset()
        self._fetched_at = float("-inf")
        self._seen: OrderedDict[str, tuple[float, UUID, UUID | None, str]] = OrderedDict()
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
        """The actor a token names. Raises `Unauthenticated`."""
        seen = self._seen.get(token)
        if seen is None:
            seen = await self._verify(token)
            self._seen[token] = seen
            if len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)
        expires, user_id, session_id, key_id = seen
        if expires + LEEWAY_SECONDS < self._clock():
            self._seen.pop(token, None)
            raise _refused("The token has expired; sign in again or refresh it.", "登录已过期。")
        if key_id in self._revoked or (session_id is not None and session_id in self._revoked):
            raise _refused("This session is over; sign in again.", "会话已结束，请重新登录。")
        return Actor(user_id, session_id, locale)

    async def _verify(self, token: str) -> tuple[float, UUID, UUID | None, str]:
        key_id = _key_id(token)
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
            raise _refused(
                "The token is not valid; sign in again.", "登录凭证无效，请重新登录。"
            ) from problem

    async def _keys_for(self, key_id: str) -> KeySet:
        """An unknown key is looked up once more, at most every few seconds: keys rotate."""
        # Where keys were withdrawn there is a new one, and nobody should wait for it.
        withdrawn = any(name in self._revoked for name in self._known)
        stale = withdrawn or self._clock() - self._fetched_at > _REFETCH_SECONDS
        if self._keys is None or (key_id not in self._known and stale):
            self._fetched_at = self._clock()
            try:
                published = await self._fetch()
            except Exception as problem:
                if self._keys is None:
                    raise Unavailable(
                        "Identity does not answer, so nobody can be recognised; try again soon.",
                        "身份服务暂不可用，请稍后再试。",
                    ) from problem
            else:
                self._keys = KeySet.import_key_set(published)
                self._known = frozenset(key.kid for key in self._keys.keys if key.kid)
        assert self._keys is not None
        return self._keys


def _key_id(token: str) -> str:
    from joserfc.jws import extract_compact

    try:
        return str(extract_compact(token.encode()).headers()["kid"])
    except (JoseError, ValueError, KeyError) as problem:
        raise _refused(
            "The token is not valid; sign in again.", "登录凭证无效，请重新登录。"
        ) from problem


def _refused(en: str, zh: str) -> Unauthenticated:
    return Unauthenticated(en, zh)
