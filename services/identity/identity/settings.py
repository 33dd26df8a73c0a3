"""The settings of identity: those of every service, its secret, and the policies of sign-in."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec

from chassis.settings import Settings

MINUTE = 60
DAY = 86_400


class IdentitySettings(Settings, frozen=True, kw_only=True):
    """Settings that are read from `HUICHI_IDENTITY_*` and `HUICHI_*`."""

    secret: Annotated[str, msgspec.Meta(min_length=32)]
    """At least 32 random characters; the signing keys in the database are encrypted with it."""
    access_token_seconds: Annotated[int, msgspec.Meta(ge=30, le=3600)] = 15 * MINUTE
    """How long an access token is valid."""
    refresh_token_seconds: Annotated[int, msgspec.Meta(ge=60)] = 14 * DAY
    """How long a session may be unused before it ends."""
    session_seconds: Annotated[int, msgspec.Meta(ge=60)] = 30 * DAY
    """How long a session lasts at most, however often it is used."""
    sign_in_attempts: Annotated[int, msgspec.Meta(ge=1)] = 10
    """Failed sign-ins of one user from one address before further attempts have to wait."""
    sign_in_window_seconds: Annotated[int, msgspec.Meta(ge=1)] = MINUTE
    """How long further attempts have to wait."""
    second_factor_roles: str = ""
    """Roles, separated by commas, whose users must sign in with a second factor."""
    public_url: str = ""
    """Where browsers and sign-in providers reach identity; empty: at the issuer's address."""
    frontends: str = ""
    """Origins, separated by commas, of the frontends at which users sign in."""
    provider_check_seconds: Annotated[int, msgspec.Meta(ge=1)] = 5 * MINUTE
    """How often a sign-in provider with refresh tokens is asked whether a session continues."""
    provider_grace_seconds: Annotated[int, msgspec.Meta(ge=60)] = 60 * MINUTE
    """How long sessions continue while their provider does not answer."""
    allow_insecure_providers: bool = False
    """Whether a sign-in provider may be at an http address; for development only."""
    fresh_seconds: Annotated[int, msgspec.Meta(ge=60)] = 10 * MINUTE
    """How long after signing in a user may change their sign-in methods."""
    password_words: str = ""
    """Words, separated by commas, that make passwords guessable, as names of the company."""
    temporary_passwords: bool = True
    """Whether a password set by another user must be changed at the first sign-in."""
    reset_code_hours: Annotated[int, msgspec.Meta(ge=1, le=168)] = 24
    """How long a code for setting a new password is valid."""
    passkey_domain: str = ""
    """The domain that passkeys are for; empty: the host of the first frontend."""
    passkey_user_verification: Literal["required", "preferred", "discouraged"] = "preferred"
    """Whether a passkey also requires a fingerprint, a face or a PIN."""
    signing_key_days: Annotated[int, msgspec.Meta(ge=1)] = 90
    """The age of a signing key at which the scheduler creates a new one."""
    policy_review: bool = False
    """Whether a changeset of the policy is published only after a second person approved it."""

    access_review_months: Annotated[int, msgspec.Meta(ge=0, le=24)] = 0
    """The interval in months of scheduled access reviews of all users; 0: never."""
    access_review_due_days: Annotated[int, msgspec.Meta(ge=1, le=180)] = 30
    """How many days the reviewers of a scheduled access review have."""

    @property
    def public_address(self) -> str:
        """Return the URL at which others reach identity, without a slash at the end."""
        return (self.public_url or self.issuer_url).rstrip("/")

    @property
    def frontend_origins(self) -> tuple[str, ...]:
        """Return the frontends, each as `https://host` or `https://host:port`."""
        origins = (origin.strip().rstrip("/").lower() for origin in self.frontends.split(","))
        return tuple(origin for origin in origins if origin)

    @property
    def passkey_host(self) -> str:
        """Return the domain of passkeys; empty: passkeys are not possible."""
        frontends = self.frontend_origins
        return self.passkey_domain or (urlsplit(frontends[0]).hostname or "" if frontends else "")
