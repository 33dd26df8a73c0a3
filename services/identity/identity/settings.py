"""The settings of identity: those of every service, the key to its secrets, and how long a sign-in lasts."""

from __future__ import annotations

from typing import Annotated

import msgspec

from chassis.settings import Settings

MINUTE = 60
DAY = 86_400


class IdentitySettings(Settings, frozen=True, kw_only=True):
    """Read from `HUICHI_IDENTITY_*` and `HUICHI_*`."""

    secret: Annotated[str, msgspec.Meta(min_length=32)]
    """At least 32 random characters; the signing keys in the database are encrypted with it."""
    access_token_seconds: Annotated[int, msgspec.Meta(ge=30, le=3600)] = 15 * MINUTE
    """How long an access token is good for."""
    refresh_token_seconds: Annotated[int, msgspec.Meta(ge=60)] = 14 * DAY
    """How long a session may lie unused before it ends."""
    session_seconds: Annotated[int, msgspec.Meta(ge=60)] = 30 * DAY
    """How long a session lasts at most, however often it is used."""
    sign_in_attempts: Annotated[int, msgspec.Meta(ge=1)] = 10
    """Failed sign-ins of one user from one address before they have to wait."""
    sign_in_window_seconds: Annotated[int, msgspec.Meta(ge=1)] = MINUTE
    """How long they have to wait then."""
    second_factor_roles: str = ""
    """Roles, separated by commas, whose people sign in with a second factor only."""
    signing_key_days: Annotated[int, msgspec.Meta(ge=1)] = 90
    """How old a signing key gets before the scheduler makes a new one."""
    policy_review: bool = False
    """Whether a changeset of the policy is published only after a second person approved it."""
