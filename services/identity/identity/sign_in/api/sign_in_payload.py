"""The result of every way of signing in: tokens, or what is still missing."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry

from chassis.api.context import Context
from chassis.api.problems import UserError
from identity.sign_in.commands.session import OpenedSession
from identity.sign_in.domain.second_factor import SignInNeed
from identity.sign_in.services.sign_in import PendingSignIn
from identity.sign_in.services.sign_in_service import SignInService

PasskeyArgument = Annotated[
    str | None,
    strawberry.argument(
        description="The browser's answer to `passkeyOptions`, as JSON (`credential.toJSON()`)."
    ),
]

strawberry.enum(
    SignInNeed,
    name="SignInNeed",
    description="CODE: sign in again with `code`, or with `passkey` where `passkeyOptions` is "
    "present. ENROL: a role requires a second factor and none is active; `beginSecondFactor` "
    "creates one that its first code puts in force, or `beginPasskey` creates a passkey. PASSKEY: "
    "sign in again with `passkey`, or with a recovery code as `code`. NEW_PASSWORD: an "
    "administrator set the password; sign in again with `newPassword` too.",
)


@strawberry.type(
    description="The tokens of a session, what the sign-in still needs, or the errors."
)
class SignInPayload:
    """The result of every sign-in."""

    access_token: str | None = strawberry.field(
        default=None,
        description="The access token, valid for some minutes. Send it as `Authorization: Bearer "
        "…`.",
    )
    expires_at: datetime | None = strawberry.field(
        default=None, description="When the access token expires."
    )
    refresh_token: str | None = strawberry.field(
        default=None,
        description="The refresh token, valid once. Exchange it for the next pair with `refresh`, "
        "and keep it secret.",
    )
    user_id: strawberry.ID | None = strawberry.field(
        default=None, description="The id of the signed-in user."
    )
    session_id: strawberry.ID | None = strawberry.field(
        default=None, description="The id of the session that began or was renewed."
    )
    needs: SignInNeed | None = strawberry.field(
        default=None,
        description="What the sign-in needs beside the right password; there are no tokens then.",
    )
    passkey_options: str | None = strawberry.field(
        default=None,
        description="For `needs` CODE or PASSKEY and a user with passkeys: JSON for "
        "`PublicKeyCredential.parseRequestOptionsFromJSON`; answer it within five minutes.",
    )
    recovery_codes: list[str] = strawberry.field(
        default_factory=list,
        description="With the first code of a new second factor: recovery codes for a lost "
        "device, each valid once instead of `code`. They are shown now and never again.",
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list,
        description="UNAUTHENTICATED: wrong user name or password, or an invalid token. "
        "RATE_LIMITED: too many attempts; the message says how long to wait.",
    )


async def sign_in_payload(ctx: Context, outcome: OpenedSession | PendingSignIn) -> SignInPayload:
    """Return the tokens of a session, or what a sign-in still needs."""
    if isinstance(outcome, PendingSignIn):
        return SignInPayload(needs=outcome.need, passkey_options=outcome.passkey_options)
    token = await ctx.resource(SignInService).access_token(
        ctx.db, outcome.user, outcome.session, ctx.runtime.revoked_sessions
    )
    return SignInPayload(
        access_token=token.text,
        expires_at=token.expires_at,
        refresh_token=outcome.refresh_token,
        user_id=strawberry.ID(str(outcome.user)),
        session_id=strawberry.ID(str(outcome.session)),
        recovery_codes=list(outcome.recovery_codes),
    )
