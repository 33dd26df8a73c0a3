"""A passkey in software: real keys, real CBOR, real signatures,
and a browser that is honest or not."""

from __future__ import annotations

import hashlib
import json
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


@dataclass
class Authenticator:
    """One device with one key, and the page in front of it."""

    origin: str
    domain: str
    counts: bool = True
    verifies: bool = True
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    count: int = 0

    def create(self, options: str) -> str:
        """`navigator.credentials.create`: the answer as JSON."""
        asked = json.loads(options)
        assert any(one["alg"] == -7 for one in asked["pubKeyCredParams"])
        numbers = self.key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)}
        attested = bytes(16) + len(self.id).to_bytes(2) + self.id + cbor2.dumps(cose)
        data = self._data(ATTESTED) + attested
        statement = {"fmt": "none", "attStmt": {}, "authData": data}
        return self._answer(
            clientDataJSON=self._client("webauthn.create", asked["challenge"]),
            attestationObject=cbor2.dumps(statement),
            transports=["internal"],
        )

    def get(self, options: str) -> str:
        """`navigator.credentials.get`: the answer as JSON."""
        asked = json.loads(options)
        client = self._client("webauthn.get", asked["challenge"])
        self.count += 1 if self.counts else 0
        data = self._data(0)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        return self._answer(clientDataJSON=client, authenticatorData=data, signature=signature)

    def _data(self, flags: int) -> bytes:
        flags |= PRESENT | (VERIFIED if self.verifies else 0)
        domain = hashlib.sha256(self.domain.encode()).digest()
        return domain + bytes([flags]) + self.count.to_bytes(4)

    def _client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin}).encode()

    def _answer(self, **response: Any) -> str:
        said = {k: text(v) if isinstance(v, bytes) else v for k, v in response.items()}
        id = text(self.id)
        answer = {"id": id, "rawId": id, "type": "public-key", "response": said}
        return json.dumps(answer | {"clientExtensionResults": {}})


def text(raw: bytes) -> str:
    """Bytes as WebAuthn's JSON has them."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
