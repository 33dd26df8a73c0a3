"""Encrypt secrets that must be read back, with a key that is not in the database.

AES-256-GCM with a key derived by HKDF from the secret in the settings. The name of a sealed value
is authenticated with it, so that one sealed value cannot replace another.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE = 12


class CannotUnseal(Exception):
    """Raised where the secret in the settings is not the one a value was sealed with."""


@dataclass(frozen=True, slots=True)
class Seal:
    """Encrypts and decrypts with one secret."""

    secret: str

    @property
    def name(self) -> str:
        """Return an identifier of the secret that does not reveal it."""
        return hashlib.sha256(b"huichi seal name " + self.secret.encode()).hexdigest()[:12]

    def close(self, text: bytes, name: str) -> bytes:
        """Encrypt a value under its name."""
        nonce = os.urandom(_NONCE)
        return nonce + AESGCM(self._key()).encrypt(nonce, text, name.encode())

    def open(self, sealed: bytes, name: str) -> bytes:
        """Decrypt a value that was sealed under this name. Raises `CannotUnseal`."""
        try:
            return AESGCM(self._key()).decrypt(sealed[:_NONCE], sealed[_NONCE:], name.encode())
        except InvalidTag as problem:
            raise CannotUnseal(name) from problem

    def _key(self) -> bytes:
        hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"huichi identity seal")
        return hkdf.derive(self.secret.encode())
