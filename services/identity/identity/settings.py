"""The settings of identity: those of every service, the key to its secrets, and how long a sign-in lasts."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

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
    public_url: str = ""
    """Where browsers and sign-in providers reach identity; empty: at the issuer's address."""
    frontends: str = ""
    """Origins, separated by commas, of the frontends that people sign in at."""
    provider_check_seconds: Annotated[int, msgspec.Meta(ge=1)] = 5 * MINUTE
    """How often a sign-in provider that gives refresh tokens is asked whether a session goes on."""
    provider_grace_seconds: Annotated[int, msgspec.Meta(ge=60)] = 60 * MINUTE
    """How long its sessions go on while it does not answer."""
    allow_insecure_providers: bool = False
    """Whether a sign-in provider may be at an http address; for development only."""
    fresh_seconds: Annotated[int, msgspec.Meta(ge=60)] = 10 * MINUTE
    """How long after signing in somebody may change their ways to sign in."""
    password_words: str = ""
    """Words, separated by commas, that no password is built on: the company's names and products."""
    temporary_passwords: bool = True
    """Whether a password that somebody else set is changed at the first sign-in."""
    reset_code_hours: Annotated[int, msgspec.Meta(ge=1, le=168)] = 24
    """How long a code is good with which somebody sets a new password."""
    passkey_domain: str = ""
    """The domain that passkeys are for; empty: the host of the first frontend."""
    passkey_user_verification: Literal["required", "preferred", "discouraged"] = "preferred"
    """Whether a passkey asks for a finger, a face or a PIN too."""
    signing_key_days: Annotated[int, msgspec.Meta(ge=1)] = 90
    """How old a signing key gets before the scheduler makes a new one."""
    policy_review: bool = False
    """Whether a changeset of the policy is published only after a second person approved it."""

    access_review_months: Annotated[int, msgspec.Meta(ge=0, le=24)] = 0
    """Every how many months the scheduler opens an access review of everybody; 0: never."""
    access_review_due_days: Annotated[int, msgspec.Meta(ge=1, le=180)] = 30
    """How long its reviewers have."""

    @property
    def public_address(self) -> str:
        """Where others reach identity, without a slash at the end."""
        return (self.public_url or self.issuer_url).rstrip("/")

    @property
    def frontend_origins(self) -> tuple[str, ...]:
        """The frontends, each as `https://host` or `https://host:port`."""
        found = (one.strip().rstrip("/").lower() for one in self.frontends.split(","))
        return tuple(one for one in found if one)

    @property
    def passkey_host(self) -> str:
        """The domain of passkeys; empty: there can be none."""
        frontends = self.frontend_origins
        return self.passkey_domain or (urlsplit(frontends[0]).hostname or "" if frontends else "")
