"""Verify tokens that a sign-in provider signs.

ID tokens name the user who signed in (OpenID Connect Core 1.0), logout tokens the session that
ended (Back-Channel Logout 1.0). Pure: keys and time are arguments. What the specifications do not
permit is refused.
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

# Only signatures that the provider alone can make: HS256 would accept our own client secret as the
# key, and "none" no key at all.
ALGORITHMS = [
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
]
LEEWAY_SECONDS = 60
MAX_LOGOUT_AGE_SECONDS = 600
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
_MAX_SUBJECT_LENGTH = 255
_HASHES = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}


class InvalidToken(Exception):
    """A token that fails validation; its text is for the log and holds no personal data."""


class UnknownKey(InvalidToken):
    """No published key has the id that the token names; the provider may have rotated its keys."""


@dataclass(frozen=True, slots=True)
class Logout:
    """A validated logout of one session at the provider, or of all sessions of a subject."""

    session: str | None
    subject: str | None
    id: str
    until: float


def verify_id_token(
    text: str,
    keys: KeySet,
    *,
    issuer: str,
    client_id: str,
    nonce: str,
    now: float,
    access_token: str | None = None,
) -> Mapping[str, Any]:
    """Validate an ID token (Core 1.0, 3.1.3.7) and return its claims. Raises `InvalidToken`."""
    header, claims = _verify_signature(text, keys)
    _check_common_claims(claims, issuer, client_id, now)
    if not isinstance(claims.get("exp"), int | float) or claims["exp"] + LEEWAY_SECONDS <= now:
        raise InvalidToken("exp is missing or past")
    if not hmac.compare_digest(_text_claim(claims, "nonce").encode(), nonce.encode()):
        raise InvalidToken("nonce does not match")
    if not 0 < len(_text_claim(claims, "sub")) <= _MAX_SUBJECT_LENGTH:
        raise InvalidToken("sub is missing or too long")
    if access_token is not None and "at_hash" in claims:
        _check_access_token_hash(claims["at_hash"], access_token, str(header.get("alg")))
    return claims


def verify_logout_token(
    text: str, keys: KeySet, *, issuer: str, client_id: str, now: float
) -> Logout:
    """Validate a logout token (Back-Channel Logout 1.0, 2.6). Raises `InvalidToken`."""
    header, claims = _verify_signature(text, keys)
    if str(header.get("typ", "logout+jwt")).lower() not in ("logout+jwt", "jwt"):
        raise InvalidToken("typ is not logout+jwt")
    _check_common_claims(claims, issuer, client_id, now)
    if now - claims["iat"] > MAX_LOGOUT_AGE_SECONDS:
        raise InvalidToken("iat is too old")
    until = claims.get("exp", claims["iat"] + MAX_LOGOUT_AGE_SECONDS)
    if not isinstance(until, int | float) or until + LEEWAY_SECONDS <= now:
        raise InvalidToken("exp is past")
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(LOGOUT_EVENT), dict):
        raise InvalidToken("events does not name a back-channel logout")
    if "nonce" in claims:  # an ID token must never be accepted as a logout token
        raise InvalidToken("nonce must not be present")
    session, subject = _text_claim(claims, "sid") or None, _text_claim(claims, "sub") or None
    if session is None and subject is None:
        raise InvalidToken("neither sid nor sub is present")
    if not _text_claim(claims, "jti"):
        raise InvalidToken("jti is missing")
    # The token is remembered for as long as it could be replayed.
    return Logout(session, subject, claims["jti"], claims["iat"] + MAX_LOGOUT_AGE_SECONDS + 60)


def _verify_signature(text: str, keys: KeySet) -> tuple[Mapping[str, Any], dict[str, Any]]:
    """Verify the signature of a JWS with the published keys and return its header and claims."""
    try:
        header = extract_compact(text.encode()).headers()
    except (JoseError, ValueError) as problem:
        raise InvalidToken("it is not a signed token") from problem
    key_id = header.get("kid")
    candidates = [key for key in keys.keys if key_id is None or key.kid == key_id]
    if not candidates:
        raise UnknownKey("its key is not published")
    for key in candidates:
        try:
            decoded = jwt.decode(text, key, algorithms=ALGORITHMS)
        except (JoseError, ValueError, TypeError):
            continue
        if isinstance(decoded.claims, dict):
            return header, decoded.claims
    raise InvalidToken("its signature is not valid")


def _check_common_claims(
    claims: Mapping[str, Any], issuer: str, client_id: str, now: float
) -> None:
    """Check iss, aud, azp and iat, which both kinds of token must hold."""
    if claims.get("iss") != issuer:
        raise InvalidToken("iss is not the configured issuer")
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if client_id not in audiences:
        raise InvalidToken("aud does not contain our client id")
    if (len(audiences) > 1 or "azp" in claims) and claims.get("azp") != client_id:
        raise InvalidToken("azp is not our client id")
    issued = claims.get("iat")
    if isinstance(issued, bool) or not isinstance(issued, int | float):
        raise InvalidToken("iat is missing")
    if issued - LEEWAY_SECONDS > now:
        raise InvalidToken("iat is in the future")


def _check_access_token_hash(at_hash: object, access_token: str, algorithm: str) -> None:
    """Check that at_hash is the left half of the hash of the access token (Core 1.0, 3.1.3.6)."""
    digest = _HASHES.get(algorithm[-3:])
    if digest is None:
        return  # Ed25519 names no hash (OpenID Connect Core, 3.1.3.6, leaves it open)
    half = digest(access_token.encode()).digest()
    expected = base64.urlsafe_b64encode(half[: len(half) // 2]).rstrip(b"=")
    if not hmac.compare_digest(str(at_hash).encode(), expected):
        raise InvalidToken("at_hash does not match the access token")


def _text_claim(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name, "")
    return value if isinstance(value, str) else ""
