"""Secrets and raw records at rest: AES-256-GCM, bound to the row they belong to.

A sealed text is `version ‖ key id ‖ nonce ‖ ciphertext`. The additional data names the row and
column, so a ciphertext that is moved to another row does not open. The key id allows rotation: new
texts use the first key, old ones open with whichever key sealed them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = b"\x01"
_ID, _NONCE = 4, 12


class Broken(ValueError):
    """The text was not sealed for this place, or by none of our keys."""


@dataclass(frozen=True, slots=True, repr=False)
class Seal:
    """Seals with the first key and opens with any."""

    keys: Sequence[bytes]

    def close(self, said: Any, place: str) -> bytes:
        """The JSON value, sealed for this place."""
        key = self.keys[0]
        nonce = os.urandom(_NONCE)
        text = AESGCM(key).encrypt(nonce, orjson.dumps(said), place.encode())
        return _VERSION + key_id(key) + nonce + text

    def open(self, sealed: bytes, place: str) -> Any:
        """What was sealed for this place. Raises `Broken`."""
        rest = sealed[1:]
        key = next((key for key in self.keys if key_id(key) == rest[:_ID]), None)
        if sealed[:1] != _VERSION or key is None:
            raise Broken("sealed with a key we do not have")
        nonce, text = rest[_ID : _ID + _NONCE], rest[_ID + _NONCE :]
        try:
            return orjson.loads(AESGCM(key).decrypt(nonce, text, place.encode()))
        except InvalidTag as problem:
            raise Broken("sealed for another place, or changed since") from problem


def key_id(key: bytes) -> bytes:
    """Names a key without telling it."""
    return hashlib.sha256(b"huichi.seal" + key).digest()[:_ID]


def seal(said: str) -> Seal:
    """From the setting: base64 keys of 32 bytes, the present one first, joined by commas."""
    keys = [_key(part.strip()) for part in said.split(",") if part.strip()]
    if not keys:
        raise ValueError("no credential key is set")
    return Seal(keys)


def _key(text: str) -> bytes:
    try:
        key = base64.b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4))
    except binascii.Error as problem:
        raise ValueError("a credential key is not base64") from problem
    if len(key) != 32:
        raise ValueError(f"a credential key has {len(key)} bytes; 32 are needed")
    return key
