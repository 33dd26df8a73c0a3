"""One provider as we speak to it: discovered, its keys followed, codes and tokens traded."""

from __future__ import annotations

import base64
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet, import_key

from chassis.errors import Unavailable
from identity.sign_in.domain import id_token
from identity.sign_in.domain.id_token import InvalidToken, Logout, UnknownKey
from identity.sign_in.services.oidc.http_client import Answer, NoAnswer, Wire
from identity.sign_in.store.provider import ProviderRow

log = logging.getLogger("huichi.identity.oidc")
T = TypeVar("T")

DISCOVERED_SECONDS = 3600.0
KEYS_SECONDS = 600.0
KEYS_AGAIN_SECONDS = 5.0
MOST_KEYS = 50


class Over(Exception):
    """The provider says no: the code or the refresh token is not good any more."""


@dataclass(frozen=True, slots=True)
class Discovered:
    """Where the provider does what."""

    authorization: str
    token: str
    keys: str
    userinfo: str | None
    end_session: str | None
    basic: bool
    names_issuer: bool


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a code or a refresh token was traded for."""

    id_token: str | None
    access_token: str | None
    refresh_token: str | None


class Party:
    """One a provider's version and process."""

    def __init__(self, wire: Wire, provider: ProviderRow, *, insecure: bool) -> None:
        self.provider = provider
        self._wire = wire
        self._insecure = insecure
        self._discovered: tuple[float, Discovered] | None = None
        self._keys: tuple[float, KeySet] | None = None
        self._looked_again = float("-inf")

    async def discovered(self) -> Discovered:
        """OpenID Connect Discovery 1.0. Raises `Unavailable`."""
        if self._discovered and time.monotonic() - self._discovered[0] < DISCOVERED_SECONDS:
            return self._discovered[1]
        url = f"{self.provider.issuer.rstrip('/')}/.well-known/openid-configuration"
        try:
            said = await self._wire.get(url)
            found = self._read(said)
        except NoAnswer as problem:
            if self._discovered is not None:
                return self._discovered[1]
            raise self._unavailable(problem) from problem
        self._discovered = (time.monotonic(), found)
        return found

    async def who(self, text: str, *, nonce: str, access_token: str | None) -> Mapping[str, Any]:
        """The claims of an ID token. Raises `BadToken` or `Unavailable`."""
        claims = await self._checked(
            lambda keys: id_token.verify_id_token(
                text,
                keys,
                issuer=self.provider.issuer,
                client_id=self.provider.client_id,
                nonce=nonce,
                now=time.time(),
                access_token=access_token,
            )
        )
        return {**claims, **await self._userinfo(claims, access_token)}

    async def logout(self, text: str) -> Logout:
        """Whom a logout token names. Raises `BadToken` or `Unavailable`."""
        return await self._checked(
            lambda keys: id_token.verify_logout_token(
                text,
                keys,
                issuer=self.provider.issuer,
                client_id=self.provider.client_id,
                now=time.time(),
            )
        )

    async def traded(self, form: Mapping[str, str], secret: str | None) -> Tokens:
        """Trade a code or a refresh token. Raises `Over` or `Unavailable`."""
        where = await self.discovered()
        sent, headers = dict(form), dict[str, str]()
        if secret is None:
            sent["client_id"] = self.provider.client_id
        elif where.basic:
            # RFC 6749, 2.3.1: both are form-encoded first, which many forget.
            pair = f"{quote(self.provider.client_id, safe='')}:{quote(secret, safe='')}"
            headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            sent |= {"client_id": self.provider.client_id, "client_secret": secret}
        try:
            answer = await self._wire.post(where.token, sent, headers)
        except NoAnswer as problem:
            raise self._unavailable(problem) from problem
        if answer.status == 400 and answer.body.get("error") == "invalid_grant":
            raise Over
        if answer.status != 200:
            raise self._unavailable(NoAnswer(f"status {answer.status}: {_error(answer)}"))
        return Tokens(
            *(_maybe(answer.body, name) for name in ("id_token", "access_token", "refresh_token"))
        )

    async def _userinfo(
        self, claims: Mapping[str, Any], access_token: str | None
    ) -> Mapping[str, Any]:
        """What the ID token left out; an answer about somebody else is none (Core, 5.3.2)."""
        mapped = self.provider.claims
        wanted = {mapped.display_name, mapped.email, mapped.email_verified} - claims.keys()
        where = await self.discovered()
        if not wanted or where.userinfo is None or access_token is None:
            return {}
        try:
            headers = {"authorization": f"Bearer {access_token}"}
            answer = await self._wire.get(where.userinfo, headers)
        except NoAnswer as problem:
            raise self._unavailable(problem) from problem
        if answer.status != 200 or answer.body.get("sub") != claims["sub"]:
            raise InvalidToken("userinfo is about somebody else, or refused")
        return {name: answer.body[name] for name in wanted if name in answer.body}

    async def _checked(self, check: Callable[[KeySet], T]) -> T:
        """Check with the keys we know; a key we do not know may be a new one, so look once more."""
        known = await self._published(KEYS_SECONDS)
        try:
            return check(known)
        except UnknownKey:
            if time.monotonic() - self._looked_again < KEYS_AGAIN_SECONDS:
                raise
            self._looked_again = time.monotonic()
            return check(await self._published(0.0))

    async def _published(self, oldest: float) -> KeySet:
        if self._keys and time.monotonic() - self._keys[0] < oldest:
            return self._keys[1]
        where = await self.discovered()
        try:
            answer = await self._wire.get(where.keys)
            if answer.status != 200 or not isinstance(answer.body.get("keys"), list):
                raise NoAnswer(f"status {answer.status} for keys")
        except NoAnswer as problem:
            if self._keys is not None:
                return self._keys[1]
            raise self._unavailable(problem) from problem
        found = KeySet(_usable(answer.body["keys"]))
        self._keys = (time.monotonic(), found)
        return found

    def _read(self, answer: Answer) -> Discovered:
        said = answer.body
        if answer.status != 200 or said.get("issuer") != self.provider.issuer:
            raise NoAnswer(f"status {answer.status}, or another issuer in discovery")
        methods = said.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if "S256" not in said.get("code_challenge_methods_supported", ["S256"]):
            raise NoAnswer("no S256 in discovery")
        return Discovered(
            authorization=self._address(said, "authorization_endpoint"),
            token=self._address(said, "token_endpoint"),
            keys=self._address(said, "jwks_uri"),
            userinfo=self._maybe_address(said, "userinfo_endpoint"),
            end_session=self._maybe_address(said, "end_session_endpoint"),
            basic="client_secret_basic" in methods,
            names_issuer=said.get("authorization_response_iss_parameter_supported") is True,
        )

    def _maybe_address(self, said: Mapping[str, Any], name: str) -> str | None:
        return self._address(said, name) if said.get(name) else None

    def _address(self, said: Mapping[str, Any], name: str) -> str:
        found = _maybe(said, name) or ""
        parts = urlsplit(found)
        if not parts.hostname or not (
            parts.scheme == "https" or (self._insecure and parts.scheme == "http")
        ):
            raise NoAnswer(f"{name} in discovery is no https address")
        return found

    def _unavailable(self, problem: NoAnswer) -> Unavailable:
        log.warning("provider %s does not answer as it should: %s", self.provider.name, problem)
        return Unavailable(
            "The sign-in provider does not answer now; try again in a moment.",
            "登录提供方暂无响应，请稍后再试。",
        )


def _usable(keys: list[Any]) -> list[Key]:
    """The keys that are for signatures and that we can read; one strange key spoils no other."""
    found: list[Key] = []
    for one in keys[:MOST_KEYS]:
        if not isinstance(one, dict) or one.get("use", "sig") != "sig" or one.get("kty") == "oct":
            continue
        try:
            found.append(import_key(one))
        except (JoseError, ValueError, TypeError, KeyError):
            continue
    return found


def _maybe(said: Mapping[str, Any], name: str) -> str | None:
    found = said.get(name)
    return found if isinstance(found, str) and found else None


def _error(answer: Answer) -> str:
    said = str(answer.body.get("error", ""))[:60]
    return said if said.replace("_", "").isalpha() else "no code"
