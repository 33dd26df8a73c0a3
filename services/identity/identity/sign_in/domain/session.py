"""What happens when a refresh token is shown: renew the session, or refuse and say why.

The tokens of one session are a family. Each is good once; one that is shown a second time was
copied, and nobody can tell who holds the copy, so the whole family ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """What to do with a refresh token."""

    RENEW = "renew"
    UNKNOWN = "unknown"
    REUSED = "reused"
    EXPIRED = "expired"
    ENDED = "ended"


class Ending(Enum):
    """Why a session is over."""

    SIGNED_OUT = "signed_out"
    ENDED_BY_OWNER = "ended_by_owner"
    ENDED_BY_ADMINISTRATOR = "ended_by_administrator"
    TOKEN_REUSED = "token_reused"  # noqa: S105 — the name of a reason
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 — the name of a reason
    SUSPENDED = "suspended"
    ACCESS_ENDED = "access_ended"
    KEY_REVOKED = "key_revoked"
    PROVIDER_ENDED = "provider_ended"
    EVERYBODY_ENDED = "everybody_ended"


@dataclass(frozen=True, slots=True)
class Shown:
    """What is known of a refresh token that somebody shows."""

    used: bool
    expired: bool
    session_ended: bool
    user_active: bool


def decide(shown: Shown | None) -> Verdict:
    """The order matters: a copy is noticed even where the session would be refused anyway."""
    if shown is None:
        return Verdict.UNKNOWN
    if shown.used:
        return Verdict.REUSED
    if shown.session_ended or not shown.user_active:
        return Verdict.ENDED
    return Verdict.EXPIRED if shown.expired else Verdict.RENEW
