"""What a browser carries from us to a provider and back, sealed: no row is written for somebody
who has shown nothing yet, and one browser cannot finish what another began."""

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

LASTS_SECONDS = 600
LONGEST_ADDRESS = 1000
"""All of a flow has to fit into a cookie."""
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_SEALED = "oidc flow"


@dataclass(frozen=True, slots=True)
class Flow:
    """One sign-in on its way."""

    provider: str
    version: int
    state: str
    nonce: str
    verifier: str
    challenge: str
    return_to: str | None
    until: float


def begun(provider: str, version: int, challenge: str, return_to: str | None) -> Flow:
    """A new sign-in. `challenge` is what the frontend says aloud of the text it keeps."""
    if not _CHALLENGE.fullmatch(challenge):
        raise BadInput(
            "challenge must be the base64url SHA-256 of a text that the frontend keeps "
            "(43 characters).",
            "challenge 须为前端所保存文本的 base64url SHA-256（43 个字符）。",
            field="challenge",
        )
    return Flow(
        provider=provider,
        version=version,
        state=secrets.token_urlsafe(32),
        nonce=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(32),
        challenge=challenge,
        return_to=return_to,
        until=time.time() + LASTS_SECONDS,
    )


def authorization(flow: Flow, where: str, client_id: str, scopes: str, callback: str) -> str:
    """The provider's address to which the browser goes."""
    asked = {
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
        asked["prompt"] = "consent"  # else a refresh token is not given (Core, 11)
    return with_query(where, asked)


def closed(flow: Flow, seal: Seal) -> str:
    """The flow as the browser carries it."""
    return seal.close(orjson.dumps(asdict(flow)), _SEALED).hex()


def opened(text: str, seal: Seal, state: str, provider: str) -> Flow | None:
    """The flow that a browser brings back, if it is the one of this answer."""
    try:
        said: dict[str, Any] = orjson.loads(seal.open(bytes.fromhex(text), _SEALED))
        flow = Flow(**said)
    except (CannotUnseal, ValueError, TypeError):
        return None
    same = secrets.compare_digest(flow.state.encode(), state.encode())
    return flow if same and flow.provider == provider and flow.until > time.time() else None


def cookie_name(state: str) -> str:
    """Several sign-ins may be on their way in one browser."""
    return f"huichi_sign_in_{re.sub('[^A-Za-z0-9_-]', '', state)[:12]}"


def return_address(asked: str | None, frontends: tuple[str, ...]) -> str | None:
    """Where the browser goes in the end: a page of a frontend that is in the settings."""
    if not asked:
        return None
    parts = urlsplit(asked[:LONGEST_ADDRESS])
    origin = f"{parts.scheme}://{parts.netloc}".lower()
    if origin not in frontends or "@" in parts.netloc or len(asked) > LONGEST_ADDRESS:
        raise BadInput(
            "returnTo is at none of the frontends in HUICHI_IDENTITY_FRONTENDS.",
            "returnTo 不属于 HUICHI_IDENTITY_FRONTENDS 中配置的前端。",
            field="returnTo",
        )
    return urlunsplit((parts.scheme, parts.netloc, parts.path or "/", parts.query, ""))


def with_fragment(address: str, **said: str) -> str:
    """The address with something after `#`, which no server and no log gets to see."""
    return f"{address}#{urlencode(said)}"


def with_query(address: str, asked: dict[str, str]) -> str:
    """The address with these parameters beside its own."""
    return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(asked)}"
