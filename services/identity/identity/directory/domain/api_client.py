"""Keys of programs: made once, shown once, and good for certain doors until a day that is known.

A key says who comes, through its service user, and by which doors. What may be done behind a door
is the policy's to say, as for everybody.
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
"""Lets a scanner that finds a key in a repository know what it found."""
LONGEST_NAME = 100
LONGEST_DAYS = 730
_KEY = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")
_HINTED = len(PREFIX) + 4


class Door(Enum):
    """What a key opens."""

    GRAPHQL = "graphql"
    SCIM = "scim"


def new_key() -> str:
    """A new key of 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def looks_like_key(text: str) -> bool:
    """Whether a credential is a key and no access token."""
    return _KEY.fullmatch(text) is not None


def digest(key: str) -> bytes:
    """How a key is kept; its 256 random bits need no slow hash."""
    return hashlib.sha256(key.encode()).digest()


def hint(key: str) -> str:
    """The beginning of a key, by which its owner tells it from others."""
    return key[:_HINTED]


def name(text: str, *, field: str = "name") -> str:
    """What a key is for, in words."""
    return required(text, field=field, longest=LONGEST_NAME)


def doors(asked: Sequence[Door], *, field: str = "scopes") -> tuple[Door, ...]:
    """The doors of a key: at least one, each once."""
    found = tuple(sorted(set(asked), key=lambda door: door.value))
    if not found:
        raise BadInput(
            f"{field} is empty; a key that opens nothing is of no use. Name GRAPHQL, SCIM or both.",
            f"{field} 为空，密钥将毫无用处。请指定 GRAPHQL、SCIM 或两者。",
            field=field,
        )
    return found


def expiry(asked: datetime, now: datetime, *, field: str = "expiresAt") -> datetime:
    """When a key ends: later than now, and no later than two years from now."""
    until = asked if asked.tzinfo else asked.replace(tzinfo=UTC)
    if not now < until <= now + timedelta(days=LONGEST_DAYS):
        raise BadInput(
            f"{field} must be a moment of the next {LONGEST_DAYS} days.",
            f"{field} 须在今后 {LONGEST_DAYS} 天之内。",
            field=field,
        )
    return until
