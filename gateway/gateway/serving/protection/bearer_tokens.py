"""Bearer tokens, verified once at the edge: keys from the issuers, rotated as they rotate them."""

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
from gateway.serving.cache import Recent
from gateway.serving.protection.caller import NOBODY, Caller

log = logging.getLogger("gateway")

# RFC 9864 prefers the name Ed25519 for the same signature; libraries in the field still say EdDSA.
warnings.filterwarnings("ignore", message="EdDSA is deprecated")

LONGEST_TOKEN = 16_384
FETCH_SECONDS = 3.0
LARGEST_SET = 1_000_000
RETRY_SECONDS = 5.0
"""Between two looks for a key that nobody knows: a flood of invented ones is no flood of fetches."""


@dataclass(slots=True)
class _Source:
    issuer: Issuer
    keys: KeySet | None = None
    fetched_at: float = float("-inf")

    def ids(self) -> frozenset[str]:
        return frozenset(key.kid or "" for key in self.keys.keys) if self.keys else frozenset()


class Tokens:
    """Tells the caller of an `authorization` header, or refuses it."""

    def __init__(self, settings: Authentication, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self._clock = clock
        self._sources = [_Source(issuer) for issuer in settings.issuers]
        self._seen: Recent[str, Caller] = Recent(settings.remembered, 50_000_000)
        self._looking = asyncio.Lock()
        self._background: asyncio.Task[None] | None = None

    async def caller(self, authorization: str | None) -> Caller:
        """Verify, or remember that it was verified; raises Unauthenticated."""
        if not authorization:
            if self.settings.mode == "required":
                raise _refused(
                    "Sign in: send Authorization: Bearer <token>.",
                    "请先登录：发送 Authorization: Bearer <token>。",
                )
            return NOBODY
        caller = self._seen.get(authorization)
        if caller is None:
            caller = await self._verify(_token_of(authorization))
            self._seen.put(authorization, caller, len(authorization))
        elif any(self._is_old(source) for source in self._sources):
            self._renew_soon()
        self.check_time(caller)
        return caller

    def check_time(self, caller: Caller) -> None:
        """Raise Unauthenticated when the token has expired."""
        if caller.subject is None:
            return
        if caller.expires + self.settings.leeway_seconds < self._clock():
            raise _refused(
                "The token has expired; sign in again or refresh it.",
                "登录已过期；请重新登录或刷新凭证。",
            )

    async def close(self) -> None:
        """Stop looking for keys."""
        if self._background:
            self._background.cancel()

    # ------------------------------------------------------------------------------- one token

    async def _verify(self, token: str) -> Caller:
        key_id = _key_id(token)
        fitting = await self._sources_of(key_id)
        for source in fitting:
            caller = self._checked(token, source)
            if caller is not None:
                return caller
        raise _refused("The token is not valid; sign in again.", "登录凭证无效；请重新登录。")

    def _checked(self, token: str, source: _Source) -> Caller | None:
        settings, issuer = self.settings, source.issuer
        assert source.keys is not None
        demands: dict[str, Any] = {"exp": {"essential": True}, "sub": {"essential": True}}
        if issuer.issuer:
            demands["iss"] = {"essential": True, "value": issuer.issuer}
        if issuer.audience:
            demands["aud"] = {"essential": True, "values": list(issuer.audience)}
        registry = jwt.JWTClaimsRegistry(
            now=lambda: int(self._clock()), leeway=int(settings.leeway_seconds), **demands
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

    async def _sources_of(self, key_id: str) -> list[_Source]:
        """The issuers that may have signed; a key that nobody knows is looked for, now and then."""
        if any(source.keys is None or self._is_old(source) for source in self._sources):
            await self._renew(self.settings.refresh_seconds)
        found = [source for source in self._sources if _knows(source, key_id)]
        if not found:
            await self._renew(RETRY_SECONDS)
            found = [source for source in self._sources if _knows(source, key_id)]
        if not found and any(source.keys is None for source in self._sources):
            raise AuthenticationUnavailable(
                "Tokens cannot be checked now, the issuer's keys are out of reach; try again soon.",
                "暂时无法校验登录凭证，请稍后再试。",
            )
        return found

    def _is_old(self, source: _Source) -> bool:
        return time.monotonic() - source.fetched_at > self.settings.refresh_seconds

    def _renew_soon(self) -> None:
        if self._background is None or self._background.done():
            self._background = asyncio.create_task(self._renew(self.settings.refresh_seconds))

    async def _renew(self, older_than: float) -> None:
        async with self._looking:
            for source in self._sources:
                age = time.monotonic() - source.fetched_at
                if age <= (min(older_than, RETRY_SECONDS) if source.keys is None else older_than):
                    continue
                before = source.ids()
                source.fetched_at = time.monotonic()
                try:
                    source.keys = KeySet.import_key_set(await _published(source.issuer.jwks))
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
                if before - source.ids():  # a key was taken back, and with it what it signed
                    self._seen = Recent(self.settings.remembered, self._seen.weight)


def _knows(source: _Source, key_id: str) -> bool:
    if source.keys is None:
        return False
    return key_id in source.ids() if key_id else len(source.keys.keys) == 1


async def _published(place: str) -> Any:
    if not place.startswith(("http://", "https://")):
        return orjson.loads(await asyncio.to_thread(Path(place).read_bytes))
    return orjson.loads(await asyncio.to_thread(_download, place))


def _download(address: str) -> bytes:
    # No proxy from the environment: whoever answers here decides who is believed.
    opener = build_opener(ProxyHandler({}))
    with opener.open(address, timeout=FETCH_SECONDS) as answer:
        return bytes(answer.read(LARGEST_SET))


def _token_of(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or len(token) > LONGEST_TOKEN:
        raise _refused(
            "Authorization must be: Bearer <token>.", "Authorization 应为：Bearer <token>。"
        )
    return token


def _key_id(token: str) -> str:
    try:
        return str(extract_compact(token.encode()).headers().get("kid") or "")
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise _refused(
            "The token is not valid; sign in again.", "登录凭证无效；请重新登录。"
        ) from error


def _words(claim: object) -> frozenset[str]:
    if isinstance(claim, str):
        return frozenset(claim.split())
    if isinstance(claim, list):
        return frozenset(item for item in claim if isinstance(item, str))
    return frozenset()


def _refused(en: str, zh: str) -> Unauthenticated:
    return Unauthenticated(en, zh)
