"""OpenID Connect client of one provider: discovery, keys, token requests and token validation."""

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
from identity.sign_in.services.oidc.http_client import HttpClient, HttpResponse, NoUsableResponse
from identity.sign_in.store.provider import ProviderRow

log = logging.getLogger("huichi.identity.oidc")
T = TypeVar("T")

METADATA_SECONDS = 3600.0
KEYS_SECONDS = 600.0
KEY_RETRY_SECONDS = 5.0
MAX_KEYS = 50


class InvalidGrant(Exception):
    """The provider rejects the code or the refresh token (`invalid_grant`, RFC 6749, 5.2)."""


@dataclass(frozen=True, slots=True)
class ProviderMetadata:
    """What the client uses of the provider metadata (OpenID Connect Discovery 1.0, 3)."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    end_session_endpoint: str | None
    supports_basic: bool
    sends_issuer: bool


@dataclass(frozen=True, slots=True)
class TokenResponse:
    """The tokens of a token response."""

    id_token: str | None
    access_token: str | None
    refresh_token: str | None


class ProviderClient:
    """The client of one version of a provider in a process; caches metadata and keys."""

    def __init__(self, http: HttpClient, provider: ProviderRow, *, insecure: bool) -> None:
        self.provider = provider
        self._http = http
        self._insecure = insecure
        self._metadata: tuple[float, ProviderMetadata] | None = None
        self._keys: tuple[float, KeySet] | None = None
        self._keys_retried_at = float("-inf")

    async def metadata(self) -> ProviderMetadata:
        """Return the metadata, from the cache for an hour. Raises `Unavailable`."""
        if self._metadata and time.monotonic() - self._metadata[0] < METADATA_SECONDS:
            return self._metadata[1]
        url = f"{self.provider.issuer.rstrip('/')}/.well-known/openid-configuration"
        try:
            response = await self._http.get(url)
            metadata = self._parse_metadata(response)
        except NoUsableResponse as problem:
            if self._metadata is not None:
                return self._metadata[1]
            raise self._unavailable(problem) from problem
        self._metadata = (time.monotonic(), metadata)
        return metadata

    async def validate_id_token(
        self, token: str, *, nonce: str, access_token: str | None
    ) -> Mapping[str, Any]:
        """Return the claims of an ID token, completed from the UserInfo endpoint.

        Raises `InvalidToken` or `Unavailable`.
        """
        claims = await self._check_with_keys(
            lambda keys: id_token.verify_id_token(
                token,
                keys,
                issuer=self.provider.issuer,
                client_id=self.provider.client_id,
                nonce=nonce,
                now=time.time(),
                access_token=access_token,
            )
        )
        return {**claims, **await self._fetch_userinfo(claims, access_token)}

    async def validate_logout_token(self, token: str) -> Logout:
        """Return the logout that a logout token names. Raises `InvalidToken` or `Unavailable`."""
        return await self._check_with_keys(
            lambda keys: id_token.verify_logout_token(
                token,
                keys,
                issuer=self.provider.issuer,
                client_id=self.provider.client_id,
                now=time.time(),
            )
        )

    async def request_tokens(self, form: Mapping[str, str], secret: str | None) -> TokenResponse:
        """Exchange a code or a refresh token. Raises `InvalidGrant` or `Unavailable`."""
        metadata = await self.metadata()
        fields, headers = dict(form), dict[str, str]()
        if secret is None:
            fields["client_id"] = self.provider.client_id
        elif metadata.supports_basic:
            # RFC 6749, 2.3.1: both are form-encoded first, which many clients forget.
            credentials = f"{quote(self.provider.client_id, safe='')}:{quote(secret, safe='')}"
            headers["authorization"] = f"Basic {base64.b64encode(credentials.encode()).decode()}"
        else:
            fields |= {"client_id": self.provider.client_id, "client_secret": secret}
        try:
            response = await self._http.post(metadata.token_endpoint, fields, headers)
        except NoUsableResponse as problem:
            raise self._unavailable(problem) from problem
        if response.status == 400 and response.body.get("error") == "invalid_grant":
            raise InvalidGrant
        if response.status != 200:
            raise self._unavailable(
                NoUsableResponse(f"status {response.status}: {_error_code(response)}")
            )
        return TokenResponse(
            *(
                _optional_text(response.body, name)
                for name in ("id_token", "access_token", "refresh_token")
            )
        )

    async def _fetch_userinfo(
        self, claims: Mapping[str, Any], access_token: str | None
    ) -> Mapping[str, Any]:
        """Return the mapped claims that the ID token left out.

        UserInfo about another subject must not be used (Core 1.0, 5.3.2): raises `InvalidToken`.
        """
        mapping = self.provider.claims
        missing = {mapping.display_name, mapping.email, mapping.email_verified} - claims.keys()
        metadata = await self.metadata()
        if not missing or metadata.userinfo_endpoint is None or access_token is None:
            return {}
        try:
            headers = {"authorization": f"Bearer {access_token}"}
            response = await self._http.get(metadata.userinfo_endpoint, headers)
        except NoUsableResponse as problem:
            raise self._unavailable(problem) from problem
        if response.status != 200 or response.body.get("sub") != claims["sub"]:
            raise InvalidToken("userinfo was refused or is about another subject")
        return {name: response.body[name] for name in missing if name in response.body}

    async def _check_with_keys(self, check: Callable[[KeySet], T]) -> T:
        """Check with the cached keys, and once more with fresh ones if the key is unknown."""
        keys = await self._fetch_keys(KEYS_SECONDS)
        try:
            return check(keys)
        except UnknownKey:
            if time.monotonic() - self._keys_retried_at < KEY_RETRY_SECONDS:
                raise
            self._keys_retried_at = time.monotonic()
            return check(await self._fetch_keys(0.0))

    async def _fetch_keys(self, max_age: float) -> KeySet:
        if self._keys and time.monotonic() - self._keys[0] < max_age:
            return self._keys[1]
        metadata = await self.metadata()
        try:
            response = await self._http.get(metadata.jwks_uri)
            if response.status != 200 or not isinstance(response.body.get("keys"), list):
                raise NoUsableResponse(f"status {response.status} for keys")
        except NoUsableResponse as problem:
            if self._keys is not None:
                return self._keys[1]
            raise self._unavailable(problem) from problem
        keys = KeySet(_signature_keys(response.body["keys"]))
        self._keys = (time.monotonic(), keys)
        return keys

    def _parse_metadata(self, response: HttpResponse) -> ProviderMetadata:
        document = response.body
        if response.status != 200 or document.get("issuer") != self.provider.issuer:
            raise NoUsableResponse(f"status {response.status}, or another issuer in discovery")
        methods = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if "S256" not in document.get("code_challenge_methods_supported", ["S256"]):
            raise NoUsableResponse("no S256 in discovery")
        return ProviderMetadata(
            authorization_endpoint=self._endpoint(document, "authorization_endpoint"),
            token_endpoint=self._endpoint(document, "token_endpoint"),
            jwks_uri=self._endpoint(document, "jwks_uri"),
            userinfo_endpoint=self._optional_endpoint(document, "userinfo_endpoint"),
            end_session_endpoint=self._optional_endpoint(document, "end_session_endpoint"),
            supports_basic="client_secret_basic" in methods,
            sends_issuer=document.get("authorization_response_iss_parameter_supported") is True,
        )

    def _optional_endpoint(self, document: Mapping[str, Any], name: str) -> str | None:
        return self._endpoint(document, name) if document.get(name) else None

    def _endpoint(self, document: Mapping[str, Any], name: str) -> str:
        url = _optional_text(document, name) or ""
        parts = urlsplit(url)
        if not parts.hostname or not (
            parts.scheme == "https" or (self._insecure and parts.scheme == "http")
        ):
            raise NoUsableResponse(f"{name} in discovery is not an https URL")
        return url

    def _unavailable(self, problem: NoUsableResponse) -> Unavailable:
        log.warning("provider %s gives no usable response: %s", self.provider.name, problem)
        return Unavailable(
            "The sign-in provider does not respond at the moment; try again later.",
            "登录提供方暂无响应，请稍后再试。",
        )


def _signature_keys(keys: list[Any]) -> list[Key]:
    """Return the signature keys that can be read; one unreadable key spoils no other."""
    usable: list[Key] = []
    for jwk in keys[:MAX_KEYS]:
        if not isinstance(jwk, dict) or jwk.get("use", "sig") != "sig" or jwk.get("kty") == "oct":
            continue
        try:
            usable.append(import_key(jwk))
        except (JoseError, ValueError, TypeError, KeyError):
            continue
    return usable


def _optional_text(document: Mapping[str, Any], name: str) -> str | None:
    value = document.get(name)
    return value if isinstance(value, str) and value else None


def _error_code(response: HttpResponse) -> str:
    code = str(response.body.get("error", ""))[:60]
    return code if code.replace("_", "").isalpha() else "no code"
