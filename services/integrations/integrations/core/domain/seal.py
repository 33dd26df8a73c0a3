"""Encrypt secrets and raw records at rest: AES-256-GCM, bound to the row they belong to.

A sealed text is `version ‖ key id ‖ nonce ‖ ciphertext`. The associated data (NIST SP 800-38D,
"additional authenticated data") names the row and column, so a ciphertext that is moved to another
row does not open. The key id allows rotation: new texts use the first key, old ones are opened with
the key that sealed them.
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
    """The text was sealed with other associated data, or with a key that is not configured."""


@dataclass(frozen=True, slots=True, repr=False)
class Seal:
    """Seal with the first key, open with any of the keys."""

    keys: Sequence[bytes]

    def close(self, value: Any, associated_data: str) -> bytes:
        """Return a JSON value, sealed and bound to the associated data."""
        key = self.keys[0]
        nonce = os.urandom(_NONCE)
        text = AESGCM(key).encrypt(nonce, orjson.dumps(value), associated_data.encode())
        return _VERSION + key_id(key) + nonce + text

    def open(self, sealed: bytes, associated_data: str) -> Any:
        """Return the JSON value that was sealed with this associated data. Raises `Broken`."""
        rest = sealed[1:]
        key = next((key for key in self.keys if key_id(key) == rest[:_ID]), None)
        if sealed[:1] != _VERSION or key is None:
            raise Broken("sealed with a key that is not configured")
        nonce, text = rest[_ID : _ID + _NONCE], rest[_ID + _NONCE :]
        try:
            return orjson.loads(AESGCM(key).decrypt(nonce, text, associated_data.encode()))
        except InvalidTag as problem:
            raise Broken("sealed with other associated data, or changed since") from problem


def key_id(key: bytes) -> bytes:
    """Return an identifier of a key that does not disclose it."""
    return hashlib.sha256(b"huichi.seal" + key).digest()[:_ID]


def seal(setting: str) -> Seal:
    """Return the seal of a setting: base64 keys of 32 bytes after commas, the present one first.

    Raises `ValueError` without a key, or for a key that is malformed.
    """
    keys = [_key(part.strip()) for part in setting.split(",") if part.strip()]
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
