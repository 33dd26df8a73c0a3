"""Signs requests to subgraphs, so that these can refuse requests that bypass the gateway.

The context `v1.<claims>.<mac>` holds issuer and audience, the time, and the digests of token and
body. Each pair of issuer and audience has a key of its own, so the context for one subgraph is
invalid at another.
"""

import base64
import hashlib
import hmac
import secrets
import time

import orjson

HEADER = "x-actor-context"
SHORTEST = 32
"""The fewest characters of a secret."""


class Signer:
    """The signer of one gateway; a signature, made for every request, costs a few microseconds."""

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
        """Return the header for one request; `token` is the `authorization` sent with it.

        `digest` is the SHA-256 of a body that is streamed, `body` any other body.
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
        signed = b"v1." + _text(orjson.dumps(claims))
        mac = hmac.digest(self._key(subgraph), signed, hashlib.sha256)
        return HEADER, (signed + b"." + _text(mac)).decode()

    def _key(self, subgraph: str) -> bytes:
        key = self._keys.get(subgraph)
        if key is None:
            purpose = f"actor-context/v1:{self._issuer}:{subgraph}"
            key = hmac.digest(self._secret, purpose.encode(), hashlib.sha256)
            self._keys[subgraph] = key
        return key


def _digest(content: bytes) -> str:
    return _text(hashlib.sha256(content).digest()).decode()


def _text(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")
