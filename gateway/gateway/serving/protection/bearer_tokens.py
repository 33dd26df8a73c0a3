"""Verifies bearer tokens with the keys of their issuers, and follows the rotation of keys."""

import asyncio
import logging
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import extract_compact

from gateway.errors import AuthenticationUnavailable, Unauthenticated
from gateway.protection import Authentication, Issuer
from gateway.serving.cache import LruCache
from gateway.serving.protection.caller import ANONYMOUS, Caller

log = logging.getLogger("gateway")

# RFC 9864 prefers the name Ed25519 for the same signature; libraries in the field still say EdDSA.
warnings.filterwarnings("ignore", message="EdDSA is deprecated")

LONGEST_TOKEN = 16_384
FETCH_SECONDS = 3.0
LARGEST_SET = 1_000_000
RETRY_SECONDS = 5.0
"""Between two searches for an unknown key: a flood of invented key ids is no flood of fetches."""


@dataclass(slots=True)
class _IssuerKeys:
    """The keys of one issuer, as fetched last."""

    issuer: Issuer
    keys: KeySet | None = None
    fetched_at: float = float("-inf")

    def ids(self) -> frozenset[str]:
        return frozenset(key.kid or "" for key in self.keys.keys) if self.keys else frozenset()


class BearerTokens:
    """Verifies `authorization` headers and caches the callers that they name."""

    def __init__(self, settings: Authentication, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self._clock = clock
        self._sources = [_IssuerKeys(issuer) for issuer in settings.issuers]
        self._verified: LruCache[str, Caller] = LruCache(settings.remembered, 50_000_000)
        self._renewing = asyncio.Lock()
        self._background: asyncio.Task[None] | None = None

    async def caller(self, authorization: str | None) -> Caller:
        """Return the caller of an `authorization` header, anonymous without one.

        Raises Unauthenticated, or AuthenticationUnavailable while no keys can be read.
        """
        if not authorization:
            if self.settings.mode == "required":
                raise Unauthenticated(
                    "Sign in: send Authorization: Bearer <token>.",
                    "请先登录：发送 Authorization: Bearer <token>。",
                )
            return ANONYMOUS
        caller = self._verified.get(authorization)
        if caller is None:
            caller = await self._verify(_token_of(authorization))
            self._verified.put(authorization, caller, len(authorization))
        elif any(self._is_old(source) for source in self._sources):
            self._renew_soon()
        self.check_time(caller)
        return caller

    def check_time(self, caller: Caller) -> None:
        """Raise Unauthenticated when the token has expired."""
        if caller.subject is None:
            return
        if caller.expires + self.settings.leeway_seconds < self._clock():
            raise Unauthenticated(
                "The token has expired; sign in again or refresh it.",
                "登录已过期；请重新登录或刷新凭证。",
            )

    async def close(self) -> None:
        """Stop renewing keys."""
        if self._background:
            self._background.cancel()

    # ------------------------------------------------------------------------------- one token

    async def _verify(self, token: str) -> Caller:
        key_id = _key_id(token)
        for source in await self._sources_of(key_id):
            caller = self._decode(token, source)
            if caller is not None:
                return caller
        raise Unauthenticated(
            "The token is not valid; sign in again.", "登录凭证无效；请重新登录。"
        )

    def _decode(self, token: str, source: _IssuerKeys) -> Caller | None:
        settings, issuer = self.settings, source.issuer
        assert source.keys is not None
        required: dict[str, Any] = {"exp": {"essential": True}, "sub": {"essential": True}}
        if issuer.issuer:
            required["iss"] = {"essential": True, "value": issuer.issuer}
        if issuer.audience:
            required["aud"] = {"essential": True, "values": list(issuer.audience)}
        registry = jwt.JWTClaimsRegistry(
            now=lambda: int(self._clock()), leeway=int(settings.leeway_seconds), **required
        )
        try:
            decoded = jwt.decode(token, source.keys, algorithms=list(settings.algorithms))
            registry.validate(decoded.claims)
        except (JoseError, ValueError, TypeError, KeyError):
            return None
        claims: Mapping[str, Any] = decoded.claims
        if not isinstance(claims["sub"], str):
            return None
        return Caller(
            subject=claims["sub"],
            claims=claims,
            scopes=_words(claims.get(settings.scope_claim)),
            policies=_words(claims.get(settings.policies_claim)),
            expires=float(claims["exp"]),
        )

    # ------------------------------------------------------------------------------------ keys

    async def _sources_of(self, key_id: str) -> list[_IssuerKeys]:
        """Return the issuers with this key; keys are fetched again for an unknown one."""
        if any(source.keys is None or self._is_old(source) for source in self._sources):
            await self._renew(self.settings.refresh_seconds)
        matches = [source for source in self._sources if _has_key(source, key_id)]
        if not matches:
            await self._renew(RETRY_SECONDS)
            matches = [source for source in self._sources if _has_key(source, key_id)]
        if not matches and any(source.keys is None for source in self._sources):
            raise AuthenticationUnavailable(
                "Tokens cannot be verified now: the issuer's keys are unreachable; try again soon.",
                "暂时无法获取签发方的密钥，不能校验登录凭证；请稍后再试。",
            )
        return matches

    def _is_old(self, source: _IssuerKeys) -> bool:
        return time.monotonic() - source.fetched_at > self.settings.refresh_seconds

    def _renew_soon(self) -> None:
        if self._background is None or self._background.done():
            self._background = asyncio.create_task(self._renew(self.settings.refresh_seconds))

    async def _renew(self, older_than: float) -> None:
        async with self._renewing:
            for source in self._sources:
                age = time.monotonic() - source.fetched_at
                if age <= (min(older_than, RETRY_SECONDS) if source.keys is None else older_than):
                    continue
                previous = source.ids()
                source.fetched_at = time.monotonic()
                try:
                    source.keys = KeySet.import_key_set(await _fetch_keys(source.issuer.jwks))
                except (
                    HTTPException,
                    JoseError,
                    OSError,
                    ValueError,
                    KeyError,
                    TypeError,
                ) as error:
                    log.error(
                        "keys of %s cannot be read: %s", source.issuer.jwks, type(error).__name__
                    )
                    continue
                if previous - source.ids():  # a key was withdrawn, and with it what it signed
                    self._verified = LruCache(self.settings.remembered, self._verified.weight)


def _has_key(source: _IssuerKeys, key_id: str) -> bool:
    if source.keys is None:
        return False
    return key_id in source.ids() if key_id else len(source.keys.keys) == 1


async def _fetch_keys(place: str) -> Any:
    if not place.startswith(("http://", "https://")):
        return orjson.loads(await asyncio.to_thread(Path(place).read_bytes))
    return orjson.loads(await asyncio.to_thread(_download, place))


def _download(address: str) -> bytes:
    # No proxy from the environment: the answer decides whose tokens are believed.
    opener = build_opener(ProxyHandler({}))
    with opener.open(address, timeout=FETCH_SECONDS) as answer:
        return bytes(answer.read(LARGEST_SET))


def _token_of(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or len(token) > LONGEST_TOKEN:
        raise Unauthenticated(
            "Authorization must be: Bearer <token>.", "Authorization 应为：Bearer <token>。"
        )
    return token


def _key_id(token: str) -> str:
    try:
        return str(extract_compact(token.encode()).headers().get("kid") or "")
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise Unauthenticated(
            "The token is not valid; sign in again.", "登录凭证无效；请重新登录。"
        ) from error


def _words(claim: object) -> frozenset[str]:
    if isinstance(claim, str):
        return frozenset(claim.split())
    if isinstance(claim, list):
        return frozenset(item for item in claim if isinstance(item, str))
    return frozenset()
