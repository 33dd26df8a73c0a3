"""Signing in by password, staying signed in, signing out, and one's own password."""

from __future__ import annotations

from typing import Annotated

import strawberry

from chassis.api.context import Info
from chassis.api.problems import UserError, answers, user_error
from chassis.api.rights import open_to_all
from chassis.errors import BadInput, Unauthenticated
from identity.sign_in.api.sign_in_payload import PasskeyArgument, SignInPayload, signed
from identity.sign_in.commands import session as commands
from identity.sign_in.commands.session import OpenedSession
from identity.sign_in.services.office import Office
from identity.sign_in.services.oidc.provider_session import sign_out_address, still_there
from identity.sign_in.services.sign_in import Beside, change_password, sign_in


@strawberry.type(description="Whether the session is over.")
class SignOutPayload:
    done: bool = strawberry.field(default=False, description="True if it was done.")
    provider_address: str | None = strawberry.field(
        default=None,
        description="Where a sign-in provider began the session: send the browser here, and it is "
        "signed out there too.",
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was done; empty if it was."
    )


@strawberry.type(description="Whether the new password is in force.")
class ChangePasswordPayload:
    done: bool = strawberry.field(default=False, description="True if it was done.")
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was done; empty if it was."
    )


@strawberry.type
class SigningMutation:
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
                description="Where `needs` was NEW_PASSWORD: the password from now on, 10 to 200 "
                "characters, not easy to guess."
            ),
        ] = None,
    ) -> SignInPayload:
        try:
            beside = Beside(code, passkey, new_password)
            opened = await sign_in(info.context, username, password, beside)
            return await signed(info.context, opened)
        except Unauthenticated as problem:
            return SignInPayload(errors=[user_error(problem, info.context.locale)])

    @strawberry.mutation(
        description="Trade a refresh token for new tokens. It is good once: shown a second time, "
        "the whole session ends. Send no Authorization header.",
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
        lasts = info.context.resource(Office).lifetimes
        renewed = await info.context.write(commands.renew_session, refresh_token, lasts)
        if isinstance(renewed, OpenedSession) and await still_there(info.context, renewed.session):
            return await signed(info.context, renewed)
        # One answer for every reason: what became of a stolen token is not the thief's to know.
        problem = Unauthenticated(
            "The refresh token is not good any more; sign in again.",
            "刷新令牌已失效，请重新登录。",
            field="refreshToken",
        )
        return SignInPayload(errors=[user_error(problem, info.context.locale)])

    @strawberry.mutation(
        description="End the session of a refresh token, or of the access token that was sent. "
        "Doing it twice is no error.",
        metadata=open_to_all(),
    )
    @answers(SignOutPayload)
    async def sign_out(
        self,
        info: Info,
        refresh_token: Annotated[
            str | None, strawberry.argument(description="Null: the access token's session.")
        ] = None,
    ) -> SignOutPayload:
        ctx = info.context
        if not refresh_token and not ctx.signed_in:
            raise BadInput(
                "Nothing says which session ends: give refreshToken, or send the access token.",
                "未指明要结束的会话：请提供 refreshToken，或携带访问令牌。",
                field="refreshToken",
            )
        ended = await ctx.write(
            commands.sign_out, ctx.actor if ctx.signed_in else None, refresh_token
        )
        address = await sign_out_address(ctx, ended) if ended else None
        return SignOutPayload(done=True, provider_address=address)

    @strawberry.mutation(description="Take a new password; all one's other sessions end.")
    @answers(ChangePasswordPayload)
    async def change_password(
        self,
        info: Info,
        current_password: Annotated[
            str, strawberry.argument(description="The password that is good now.")
        ],
        new_password: Annotated[
            str, strawberry.argument(description="10 to 200 characters, not easy to guess.")
        ],
    ) -> ChangePasswordPayload:
        await change_password(info.context, current_password, new_password)
        return ChangePasswordPayload(done=True)
