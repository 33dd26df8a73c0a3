"""The answer to every way of signing in: tokens, or what is still missing."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry

from chassis.api.context import Context
from chassis.api.problems import UserError
from identity.sign_in.commands.session import OpenedSession
from identity.sign_in.domain.second_factor import SignInNeed
from identity.sign_in.services.office import Office
from identity.sign_in.services.sign_in import Asked

PasskeyArgument = Annotated[
    str | None,
    strawberry.argument(
        description="The browser's answer to `passkeyOptions`, as JSON (`credential.toJSON()`)."
    ),
]

strawberry.enum(
    SignInNeed,
    name="SignInNeed",
    description="CODE: sign in again with `code`, or with `passkey` where `passkeyOptions` is there. ENROL: a role needs a second factor and there "
    "is none; `beginSecondFactor` makes one, its first code puts it in force, or `beginPasskey` makes "
    "a passkey. PASSKEY: sign in again with `passkey`, or with a recovery code as `code`. "
    "NEW_PASSWORD: somebody else set the password; sign in again with `newPassword` too.",
)


@strawberry.type(description="The tokens of a session, or why there are none.")
class SignInPayload:
    access_token: str | None = strawberry.field(
        default=None,
        description="Send it as `Authorization: Bearer …`; good for some minutes.",
    )
    expires_at: datetime | None = strawberry.field(
        default=None, description="When the access token ends."
    )
    refresh_token: str | None = strawberry.field(
        default=None,
        description="Trade it for the next pair with `refresh`, once. Keep it secret.",
    )
    user_id: strawberry.ID | None = strawberry.field(
        default=None, description="Who is signed in now."
    )
    session_id: strawberry.ID | None = strawberry.field(
        default=None, description="The session that began or goes on."
    )
    needs: SignInNeed | None = strawberry.field(
        default=None, description="What is missing beside the right password; no tokens then."
    )
    passkey_options: str | None = strawberry.field(
        default=None,
        description="With `needs` CODE or PASSKEY, for somebody who has passkeys: JSON for "
        "`PublicKeyCredential.parseRequestOptionsFromJSON`; answer it within five minutes.",
    )
    recovery_codes: list[str] = strawberry.field(
        default_factory=list,
        description="With the first code of a new second factor: codes for the day the telephone "
        "is lost, each good once, instead of `code`. They are shown now and never again.",
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list,
        description="UNAUTHENTICATED: wrong user name or password, or a token that is not good. "
        "RATE_LIMITED: wait, the message says how long.",
    )


async def signed(ctx: Context, opened: OpenedSession | Asked) -> SignInPayload:
    """A session with its tokens, or what is asked for before there is one."""
    if isinstance(opened, Asked):
        return SignInPayload(needs=opened.need, passkey_options=opened.passkey_options)
    token = await ctx.resource(Office).access_token(
        ctx.db, opened.user, opened.session, ctx.runtime.revoked_sessions
    )
    return SignInPayload(
        access_token=token.text,
        expires_at=token.expires_at,
        refresh_token=opened.refresh_token,
        user_id=strawberry.ID(str(opened.user)),
        session_id=strawberry.ID(str(opened.session)),
        recovery_codes=list(opened.recovery_codes),
    )
