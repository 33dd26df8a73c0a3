"""API keys: created once, shown once, valid for certain scopes until a fixed day.

A key identifies its service user and the interfaces it may use. What may be done there is decided
by the policy of that user, as for every user.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum

from chassis.errors import BadInput
from identity.core.domain.text import required

PREFIX = "hck_"
"""Lets secret scanners recognise a key that was committed to a repository."""
MAX_NAME_LENGTH = 100
MAX_DAYS = 730
_KEY = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")
_HINT_LENGTH = len(PREFIX) + 4


class ApiScope(Enum):
    """An interface that a key may use."""

    GRAPHQL = "graphql"
    SCIM = "scim"


def new_key() -> str:
    """Return a new key of 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def looks_like_key(text: str) -> bool:
    """Return whether a credential has the form of a key, and not of an access token."""
    return _KEY.fullmatch(text) is not None


def key_digest(key: str) -> bytes:
    """Return the stored digest of a key; 256 random bits need no slow hash."""
    return hashlib.sha256(key.encode()).digest()


def key_hint(key: str) -> str:
    """Return the beginning of a key, by which its owner tells it from others."""
    return key[:_HINT_LENGTH]


def check_name(text: str, *, field: str = "name") -> str:
    """Return the trimmed purpose of a key. Raises `BadInput`."""
    return required(text, field=field, longest=MAX_NAME_LENGTH)


def check_scopes(requested: Sequence[ApiScope], *, field: str = "scopes") -> tuple[ApiScope, ...]:
    """Return the distinct scopes of a key; at least one is required. Raises `BadInput`."""
    scopes = tuple(sorted(set(requested), key=lambda scope: scope.value))
    if not scopes:
        raise BadInput(
            f"{field} is empty; name GRAPHQL, SCIM or both.",
            f"{field} 为空，请指定 GRAPHQL、SCIM 或两者。",
            field=field,
        )
    return scopes


def check_expiry(requested: datetime, now: datetime, *, field: str = "expiresAt") -> datetime:
    """Return when a key expires: within the next two years. Raises `BadInput`."""
    expires_at = requested if requested.tzinfo else requested.replace(tzinfo=UTC)
    if not now < expires_at <= now + timedelta(days=MAX_DAYS):
        raise BadInput(
            f"{field} must be within the next {MAX_DAYS} days.",
            f"{field} 须在未来 {MAX_DAYS} 天之内。",
            field=field,
        )
    return expires_at
