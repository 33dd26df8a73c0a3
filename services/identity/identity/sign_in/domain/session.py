"""Decide about a refresh token that is presented: renew the session, or refuse and say why.

The tokens of one session are a family. Each is valid once; one that is presented a second time was
copied, and it is unknown which side holds the copy, so the whole family ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """The decision about a refresh token."""

    RENEW = "renew"
    UNKNOWN = "unknown"
    REUSED = "reused"
    EXPIRED = "expired"
    ENDED = "ended"


class Ending(Enum):
    """Why a session ended."""

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
class RefreshTokenState:
    """The stored state of a refresh token that is presented."""

    used: bool
    expired: bool
    session_ended: bool
    user_active: bool


def decide_renewal(state: RefreshTokenState | None) -> Verdict:
    """Decide whether a refresh token renews its session; None: the token is unknown.

    The order matters: a copy is noticed even where the session would be refused anyway.
    """
    if state is None:
        return Verdict.UNKNOWN
    if state.used:
        return Verdict.REUSED
    if state.session_ended or not state.user_active:
        return Verdict.ENDED
    return Verdict.EXPIRED if state.expired else Verdict.RENEW
