"""Tokens that a sign-in provider signs: who signed in (OpenID Connect Core), who signed out (Back-Channel Logout).

Pure: keys and time are arguments. Whatever is not said by the book is refused.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import extract_compact

# Only signatures that the provider alone can make: with HS256 our own secret would sign, and "none" nobody.
ALGORITHMS = [
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
]
LEEWAY_SECONDS = 60
OLDEST_LOGOUT_SECONDS = 600
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
_LONGEST_SUBJECT = 255
_HALVES = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}


class BadToken(Exception):
    """The token is not what it has to be; the text is for the log and holds nothing personal."""


class UnknownKey(BadToken):
    """No published key has the name that the token was signed under; it may be a new one."""


@dataclass(frozen=True, slots=True)
class Logout:
    """Whose sessions end: those of a session at the provider, or all of a subject."""

    session: str | None
    subject: str | None
    id: str
    until: float


def id_token(
    text: str,
    keys: KeySet,
    *,
    issuer: str,
    client_id: str,
    nonce: str,
    now: float,
    access_token: str | None = None,
) -> Mapping[str, Any]:
    """The claims of somebody who signed in. Raises `BadToken`."""
    header, claims = _verified(text, keys)
    _common(claims, issuer, client_id, now)
    if not isinstance(claims.get("exp"), int | float) or claims["exp"] + LEEWAY_SECONDS <= now:
        raise BadToken("exp is missing or past")
    if not hmac.compare_digest(_text(claims, "nonce").encode(), nonce.encode()):
        raise BadToken("nonce is another")
    if not 0 < len(_text(claims, "sub")) <= _LONGEST_SUBJECT:
        raise BadToken("sub is missing or too long")
    if access_token is not None and "at_hash" in claims:
        _refuse_other_access_token(claims["at_hash"], access_token, str(header.get("alg")))
    return claims


def logout_token(text: str, keys: KeySet, *, issuer: str, client_id: str, now: float) -> Logout:
    """Who signed out. Raises `BadToken`."""
    header, claims = _verified(text, keys)
    if str(header.get("typ", "logout+jwt")).lower() not in ("logout+jwt", "jwt"):
        raise BadToken("typ is another")
    _common(claims, issuer, client_id, now)
    if now - claims["iat"] > OLDEST_LOGOUT_SECONDS:
        raise BadToken("iat is long past")
    until = claims.get("exp", claims["iat"] + OLDEST_LOGOUT_SECONDS)
    if not isinstance(until, int | float) or until + LEEWAY_SECONDS <= now:
        raise BadToken("exp is past")
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(LOGOUT_EVENT), dict):
        raise BadToken("events does not name a logout")
    if "nonce" in claims:  # an ID token must never pass for a logout token
        raise BadToken("nonce must not be there")
    session, subject = _text(claims, "sid") or None, _text(claims, "sub") or None
    if session is None and subject is None:
        raise BadToken("neither sid nor sub is there")
    if not _text(claims, "jti"):
        raise BadToken("jti is missing")
    # Remembered for as long as the token could be sent once more.
    return Logout(session, subject, claims["jti"], claims["iat"] + OLDEST_LOGOUT_SECONDS + 60)


def _verified(text: str, keys: KeySet) -> tuple[Mapping[str, Any], dict[str, Any]]:
    try:
        header = extract_compact(text.encode()).headers()
    except (JoseError, ValueError) as problem:
        raise BadToken("it is no signed token") from problem
    name = header.get("kid")
    named = [key for key in keys.keys if name is None or key.kid == name]
    if not named:
        raise UnknownKey("its key is not published")
    for key in named:
        try:
            decoded = jwt.decode(text, key, algorithms=ALGORITHMS)
        except (JoseError, ValueError, TypeError):
            continue
        if isinstance(decoded.claims, dict):
            return header, decoded.claims
    raise BadToken("its signature is not good")


def _common(claims: Mapping[str, Any], issuer: str, client_id: str, now: float) -> None:
    if claims.get("iss") != issuer:
        raise BadToken("iss is another")
    audience = claims.get("aud")
    meant = audience if isinstance(audience, list) else [audience]
    if client_id not in meant:
        raise BadToken("aud is another")
    if (len(meant) > 1 or "azp" in claims) and claims.get("azp") != client_id:
        raise BadToken("azp is another")
    issued = claims.get("iat")
    if isinstance(issued, bool) or not isinstance(issued, int | float):
        raise BadToken("iat is missing")
    if issued - LEEWAY_SECONDS > now:
        raise BadToken("iat is in the future")


def _refuse_other_access_token(said: object, access_token: str, algorithm: str) -> None:
    digest = _HALVES.get(algorithm[-3:])
    if digest is None:
        return  # Ed25519 names no hash (OpenID Connect Core, 3.1.3.6, leaves it open)
    half = digest(access_token.encode()).digest()
    right = base64.urlsafe_b64encode(half[: len(half) // 2]).rstrip(b"=")
    if not hmac.compare_digest(str(said).encode(), right):
        raise BadToken("at_hash is of another access token")


def _text(claims: Mapping[str, Any], name: str) -> str:
    found = claims.get(name, "")
    return found if isinstance(found, str) else ""
