"""GraphQL API of signing in by password, renewing, signing out and changing the password."""

from __future__ import annotations

from typing import Annotated

import strawberry

from chassis.api.context import Info
from chassis.api.problems import UserError, answers, user_error
from chassis.api.rights import open_to_all
from chassis.errors import BadInput, Unauthenticated
from identity.sign_in.api.sign_in_payload import PasskeyArgument, SignInPayload, sign_in_payload
from identity.sign_in.commands import session as commands
from identity.sign_in.commands.session import OpenedSession
from identity.sign_in.services.oidc.provider_session import end_session_url, is_session_alive
from identity.sign_in.services.sign_in import AdditionalProof, change_password, sign_in
from identity.sign_in.services.sign_in_service import SignInService


@strawberry.type(description="Whether the caller is signed out, or the errors.")
class SignOutPayload:
    """The result of `signOut`."""

    done: bool = strawberry.field(default=False, description="Whether the operation succeeded.")
    provider_address: str | None = strawberry.field(
        default=None,
        description="For a session that began at a sign-in provider: send the browser to this URL "
        "to sign out there too.",
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was done; empty on success."
    )


@strawberry.type(description="Whether the new password was set, or the errors.")
class ChangePasswordPayload:
    """The result of `changePassword`."""

    done: bool = strawberry.field(default=False, description="Whether the operation succeeded.")
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was done; empty on success."
    )


@strawberry.type
class SignInMutation:
    """Mutations of signing in and out."""

    @strawberry.mutation(
        description="Sign in with a user name and a password. Send no Authorization header.",
        metadata=open_to_all(),
    )
    @answers(SignInPayload)
    async def sign_in(
        self,
        info: Info,
        username: Annotated[str, strawberry.argument(description="The user name.")],
        password: Annotated[str, strawberry.argument(description="The password.")],
        code: Annotated[
            str | None,
            strawberry.argument(
                description="Where `needs` was CODE: the six digits of the authenticator, or a "
                "recovery code. The first six digits put a new second factor in force."
            ),
        ] = None,
        passkey: PasskeyArgument = None,
        new_password: Annotated[
            str | None,
            strawberry.argument(
                description="Where `needs` was NEW_PASSWORD: the new password, 10 to 200 "
                "characters, not easy to guess."
            ),
        ] = None,
    ) -> SignInPayload:
        """Sign in by password."""
        try:
            proof = AdditionalProof(code, passkey, new_password)
            outcome = await sign_in(info.context, username, password, proof)
            return await sign_in_payload(info.context, outcome)
        except Unauthenticated as problem:
            return SignInPayload(errors=[user_error(problem, info.context.locale)])

    @strawberry.mutation(
        description="Exchange a refresh token for new tokens. It is valid once: if it is "
        "presented a second time, the whole session ends. Send no Authorization header.",
        metadata=open_to_all(),
    )
    @answers(SignInPayload)
    async def refresh(
        self,
        info: Info,
        refresh_token: Annotated[
            str, strawberry.argument(description="The refresh token received last.")
        ],
    ) -> SignInPayload:
        """Exchange a refresh token."""
        lifetimes = info.context.resource(SignInService).lifetimes
        renewed = await info.context.write(commands.renew_session, refresh_token, lifetimes)
        if isinstance(renewed, OpenedSession) and await is_session_alive(
            info.context, renewed.session
        ):
            return await sign_in_payload(info.context, renewed)
        # One answer for every reason, so that a thief does not learn what became of a stolen token.
        problem = Unauthenticated(
            "The refresh token is expired, was used before, or its session has ended; sign in "
            "again.",
            "刷新令牌已过期、已使用或会话已结束，请重新登录。",
            field="refreshToken",
        )
        return SignInPayload(errors=[user_error(problem, info.context.locale)])

    @strawberry.mutation(
        description="End the session of a refresh token, or of the access token that was sent. "
        "Repeating it is no error.",
        metadata=open_to_all(),
    )
    @answers(SignOutPayload)
    async def sign_out(
        self,
        info: Info,
        refresh_token: Annotated[
            str | None,
            strawberry.argument(
                description="The refresh token; null: the access token's session ends."
            ),
        ] = None,
    ) -> SignOutPayload:
        """End a session."""
        ctx = info.context
        if not refresh_token and not ctx.signed_in:
            raise BadInput(
                "refreshToken is missing and no access token was sent; send one of them to name "
                "the session.",
                "缺少 refreshToken，也未携带访问令牌；请提供其一以指明要结束的会话。",
                field="refreshToken",
            )
        ended_id = await ctx.write(
            commands.sign_out, ctx.actor if ctx.signed_in else None, refresh_token
        )
        address = await end_session_url(ctx, ended_id) if ended_id else None
        return SignOutPayload(done=True, provider_address=address)

    @strawberry.mutation(
        description="Change the caller's password; all other sessions of the caller end."
    )
    @answers(ChangePasswordPayload)
    async def change_password(
        self,
        info: Info,
        current_password: Annotated[str, strawberry.argument(description="The current password.")],
        new_password: Annotated[
            str,
            strawberry.argument(
                description="The new password: 10 to 200 characters, not easy to guess."
            ),
        ],
    ) -> ChangePasswordPayload:
        """Change the caller's password."""
        await change_password(info.context, current_password, new_password)
        return ChangePasswordPayload(done=True)
