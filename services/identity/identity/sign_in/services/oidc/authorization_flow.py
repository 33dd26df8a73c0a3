"""The authorization code flow of one sign-in, which the browser carries sealed in a cookie.

So nothing is stored for a visitor who has proved nothing yet, and a browser cannot finish a flow
that another browser began.
"""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import orjson

from chassis.errors import BadInput
from identity.core.domain.seal import CannotUnseal, Seal
from identity.sign_in.commands.sign_in_link import code_challenge

LIFETIME_SECONDS = 600
MAX_ADDRESS_LENGTH = 1000
"""All of a flow has to fit into one cookie."""
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_SEAL_NAME = "oidc flow"


@dataclass(frozen=True, slots=True)
class AuthorizationFlow:
    """The state of one authorization code flow (RFC 6749, 4.1, with PKCE)."""

    provider: str
    version: int
    state: str
    nonce: str
    verifier: str
    challenge: str
    return_to: str | None
    until: float


def begin_flow(
    provider: str, version: int, challenge: str, return_to: str | None
) -> AuthorizationFlow:
    """Begin a flow. Raises `BadInput`.

    `challenge` is the S256 hash of the verifier that the frontend keeps for `finishSignIn`.
    """
    if not _CHALLENGE.fullmatch(challenge):
        raise BadInput(
            "challenge must be the base64url SHA-256 of the verifier that the frontend keeps "
            "(43 characters).",
            "challenge 须为前端所保存 verifier 的 base64url SHA-256（43 个字符）。",
            field="challenge",
        )
    return AuthorizationFlow(
        provider=provider,
        version=version,
        state=secrets.token_urlsafe(32),
        nonce=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(32),
        challenge=challenge,
        return_to=return_to,
        until=time.time() + LIFETIME_SECONDS,
    )


def authorization_url(
    flow: AuthorizationFlow, endpoint: str, client_id: str, scopes: str, callback: str
) -> str:
    """Return the URL of the provider's authorization endpoint for this flow."""
    parameters = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": callback,
        "scope": scopes,
        "state": flow.state,
        "nonce": flow.nonce,
        "code_challenge": code_challenge(flow.verifier),
        "code_challenge_method": "S256",
    }
    if "offline_access" in scopes.split():
        parameters["prompt"] = "consent"  # else no refresh token is issued (Core 1.0, 11)
    return with_query(endpoint, parameters)


def seal_flow(flow: AuthorizationFlow, seal: Seal) -> str:
    """Return the flow as the value of a cookie."""
    return seal.close(orjson.dumps(asdict(flow)), _SEAL_NAME).hex()


def unseal_flow(sealed: str, seal: Seal, state: str, provider: str) -> AuthorizationFlow | None:
    """Return the flow of a cookie if it is open and of this state and provider, else None."""
    try:
        fields: dict[str, Any] = orjson.loads(seal.open(bytes.fromhex(sealed), _SEAL_NAME))
        flow = AuthorizationFlow(**fields)
    except (CannotUnseal, ValueError, TypeError):
        return None
    same = secrets.compare_digest(flow.state.encode(), state.encode())
    return flow if same and flow.provider == provider and flow.until > time.time() else None


def cookie_name(state: str) -> str:
    """Return the name of the cookie of a flow; one browser may have several flows."""
    return f"huichi_sign_in_{re.sub('[^A-Za-z0-9_-]', '', state)[:12]}"


def check_return_address(requested: str | None, frontends: tuple[str, ...]) -> str | None:
    """Return the frontend page to come back to, without its fragment. Raises `BadInput`."""
    if not requested:
        return None
    parts = urlsplit(requested[:MAX_ADDRESS_LENGTH])
    origin = f"{parts.scheme}://{parts.netloc}".lower()
    if origin not in frontends or "@" in parts.netloc or len(requested) > MAX_ADDRESS_LENGTH:
        raise BadInput(
            "returnTo must be a page of a frontend in HUICHI_IDENTITY_FRONTENDS.",
            "returnTo 须为 HUICHI_IDENTITY_FRONTENDS 中所配置前端的页面。",
            field="returnTo",
        )
    return urlunsplit((parts.scheme, parts.netloc, parts.path or "/", parts.query, ""))


def with_fragment(address: str, **parameters: str) -> str:
    """Return the address with parameters after `#`, which servers and logs do not see."""
    return f"{address}#{urlencode(parameters)}"


def with_query(address: str, parameters: dict[str, str]) -> str:
    """Return the address with parameters added to its query."""
    return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(parameters)}"
