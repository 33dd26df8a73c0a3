"""Sign and verify requests between the gateway and the services, and among the services.

A bearer token names the caller; the actor context proves that this very request, with this token
and this body, was sent to this service by the gateway or another service a moment ago.

It is `v1.<claims>.<mac>` (docs/gateway.md), keyed with the shared secret for each pair
of signer and receiver. A check costs a few microseconds, so nothing is cached.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import orjson

from chassis.errors import Denied

HEADER = "x-actor-context"
SECONDS = 30
LEEWAY_SECONDS = 5
_LONGEST = 2048


def sign(
    secret: str,
    *,
    issuer: str,
    audience: str,
    body: bytes,
    authorization: str | None = None,
    traceparent: str | None = None,
    seconds: int = SECONDS,
) -> str:
    """Return the actor context of a request that `issuer` sends to `audience`."""
    now = int(time.time())
    claims = {
        "iss": issuer,
        "aud": audience,
        "iat": now,
        "exp": now + seconds,
        "rid": (traceparent or "")[3:35] or secrets.token_hex(16),
        "tok": _digest(authorization.encode("latin-1")) if authorization else None,
        "body": _digest(body),
    }
    signed = b"v1." + _text(orjson.dumps(claims))
    return (signed + b"." + _text(_mac(secret, issuer, audience, signed))).decode()


class ActorContextVerifier:
    """Verifies the actor contexts of requests to one service."""

    def __init__(self, secret: str, audience: str, clock: Callable[[], float] = time.time) -> None:
        self._secret = secret
        self._audience = audience
        self._clock = clock

    def check(
        self,
        context: str | None,
        *,
        body: bytes,
        authorization: str | None,
        traceparent: str | None = None,
    ) -> str:
        """Return the signer. Raise `Denied` for a request without a valid signature of its own."""
        claims = self._read(context)
        now = self._clock()
        if claims["exp"] + LEEWAY_SECONDS < now or claims["iat"] - LEEWAY_SECONDS > now:
            raise _refused(
                "The actor context has expired; send the request again.",
                "调用方上下文已过期，请重新发送请求。",
            )
        token = _digest(authorization.encode("latin-1")) if authorization else None
        if claims["tok"] != token or claims["body"] != _digest(body):
            raise _refused(
                "The actor context belongs to another request.", "调用方上下文与本次请求不符。"
            )
        if traceparent and claims["rid"] != traceparent[3:35]:
            raise _refused(
                "The actor context belongs to another trace.", "调用方上下文与本次追踪不符。"
            )
        signer: str = claims["iss"]
        return signer

    def _read(self, context: str | None) -> dict[str, Any]:
        if not context or len(context) > _LONGEST:
            raise _refused(
                "This service answers only the gateway and other services; send the request to "
                "the gateway.",
                "本服务只接受网关及其他内部服务的请求，请访问网关。",
            )
        signed, _, mac = context.rpartition(".")
        try:
            version, _, claims = signed.partition(".")
            values: dict[str, Any] = orjson.loads(_bytes(claims))
            if version != "v1" or values["aud"] != self._audience:
                raise ValueError("another version or audience")
            expected = _mac(self._secret, str(values["iss"]), self._audience, signed.encode())
            if not hmac.compare_digest(expected, _bytes(mac)):
                raise ValueError("wrong signature")
            return {"tok": None, "body": None, "rid": None} | values
        except (ValueError, KeyError, TypeError, binascii.Error) as problem:
            raise _refused("The actor context is not valid.", "调用方上下文无效。") from problem


def _mac(secret: str, issuer: str, audience: str, signed: bytes) -> bytes:
    return hmac.digest(_key(secret, issuer, audience), signed, hashlib.sha256)


@lru_cache(maxsize=256)
def _key(secret: str, issuer: str, audience: str) -> bytes:
    purpose = f"actor-context/v1:{issuer}:{audience}"
    return hmac.digest(secret.encode(), purpose.encode(), hashlib.sha256)


def _digest(content: bytes) -> str:
    return _text(hashlib.sha256(content).digest()).decode()


def _text(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _refused(en: str, zh: str) -> Denied:
    return Denied(en, zh, field=HEADER)
