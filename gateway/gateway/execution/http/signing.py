"""Signs what a subgraph is asked, so that it can tell a request of the gateway from anybody else's.

The context `v1.<claims>.<mac>` says who signed for whom, when, for which token and which body. It is keyed
anew for each pair of signer and receiver, so one subgraph's context is worth nothing at another.
"""

import base64
import hashlib
import hmac
import secrets
import time

import orjson

HEADER = "x-actor-context"
SHORTEST = 32


class Signer:
    """One for each gateway; a signature costs a few microseconds, so every request has its own."""

    def __init__(self, secret: str, issuer: str, seconds: float) -> None:
        self._secret = secret.encode()
        self._issuer = issuer
        self._seconds = int(seconds)
        self._keys: dict[str, bytes] = {}

    def header(
        self,
        subgraph: str,
        token: str | None,
        body: bytes,
        traceparent: str = "",
        digest: bytes | None = None,
    ) -> tuple[str, str]:
        """The header for one request; `token` is the `authorization` that travels with it.

        `digest` is the SHA-256 of a body that is not at hand.
        """
        now = int(time.time())
        claims = {
            "iss": self._issuer,
            "aud": subgraph,
            "iat": now,
            "exp": now + self._seconds,
            "rid": traceparent[3:35] or secrets.token_hex(16),
            "tok": _digest(token.encode("latin-1")) if token else None,
            "body": _text(digest).decode() if digest else _digest(body),
        }
        said = b"v1." + _text(orjson.dumps(claims))
        mac = hmac.digest(self._key(subgraph), said, hashlib.sha256)
        return HEADER, (said + b"." + _text(mac)).decode()

    def _key(self, subgraph: str) -> bytes:
        known = self._keys.get(subgraph)
        if known is None:
            purpose = f"actor-context/v1:{self._issuer}:{subgraph}"
            known = hmac.digest(self._secret, purpose.encode(), hashlib.sha256)
            self._keys[subgraph] = known
        return known


def _digest(content: bytes) -> str:
    return _text(hashlib.sha256(content).digest()).decode()


def _text(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")
