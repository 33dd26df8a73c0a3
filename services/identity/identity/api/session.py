"""Signing in and out, and the sessions that come of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry

from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect
from chassis.api.problems import UserError, answers, user_error
from chassis.api.rights import open_to_all
from chassis.errors import BadInput, Denied, Unauthenticated
from identity.api.ids import maybe_uuid, uuid
from identity.api.loaders import IdentityContext, IdentityInfo
from identity.api.oidc.renewal import sign_out_address, still_there
from identity.api.sign_in import Beside, change_password, sign_in
from identity.api.signed import PasskeyArgument, SignInPayload, signed
from identity.commands import session as commands
from identity.commands.session import Opened
from identity.domain.ids import SessionId, UserId
from identity.domain.session import Ending
from identity.store import session as store, user as users
from identity.store.session import SessionRow

strawberry.enum(
    Ending,
    name="SessionEnding",
    description="Why a session is over. TOKEN_REUSED: a refresh token was shown twice, so a copy "
    "of it was about.",
)


@strawberry.type(description="One sign-in and what became of it.")
class Session:
    id: strawberry.ID = strawberry.field(description="The session's id.")
    address: str = strawberry.field(description="The network address it was opened from.")
    created_at: datetime = strawberry.field(description="When somebody signed in.")
    used_at: datetime = strawberry.field(description="When it was renewed last.")
    expires_at: datetime = strawberry.field(description="When it ends at the latest.")
    ended_at: datetime | None = strawberry.field(description="When it was ended, if it was.")
    ending: Ending | None = strawberry.field(description="Why it was ended, if it was.")
    current: bool = strawberry.field(description="Whether this request belongs to it.")

    @classmethod
    def of(cls, row: SessionRow, context: IdentityContext) -> Session:
        return cls(
            id=strawberry.ID(str(row.id)),
            address=row.address,
            created_at=row.created_at,
            used_at=row.used_at,
            expires_at=row.expires_at,
            ended_at=row.ended_at,
            ending=row.ending,
            current=row.id == context.actor.session_id,
        )


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


@strawberry.type(description="The session after the change, or why there was none.")
class SessionPayload:
    session: Session | None = strawberry.field(
        default=None, description="The session as it is now."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was done; empty if it was."
    )


@strawberry.type
class SessionQuery:
    @strawberry.field(description="One's own sessions, or somebody's one may manage; newest first.")
    async def sessions(
        self,
        info: IdentityInfo,
        user_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="Whose; null: one's own.")
        ] = None,
        open_only: Annotated[
            bool, strawberry.argument(description="Leave those out that are over.")
        ] = True,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[Session]:
        ctx = info.context
        asked = maybe_uuid(user_id, "userId")
        whose = UserId(asked or ctx.actor.user_id)
        if whose != ctx.actor.user_id and not await in_reach(ctx, whose):
            raise Denied(
                "You may see your own sessions only.",
                "您只能查看自己的会话。",
                coordinate="Query.sessions",
            )
        found = await ctx.read(store.listed, whose, Window(first, after), open_only=open_only)
        return connect(found, lambda row: Session.of(row, ctx))  # type: ignore[no-any-return]  # the one asked for


@strawberry.type
class SessionMutation:
    @strawberry.mutation(
        description="Sign in with a user name and a password. Send no Authorization header.",
        metadata=open_to_all(),
    )
    @answers(SignInPayload)
    async def sign_in(
        self,
        info: IdentityInfo,
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
    ) -> SignInPayload:
        try:
            beside = Beside(code, passkey)
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
        info: IdentityInfo,
        refresh_token: Annotated[
            str, strawberry.argument(description="The refresh token received last.")
        ],
    ) -> SignInPayload:
        lasts = info.context.loaders.office.lifetimes
        renewed = await info.context.write(commands.renew, refresh_token, lasts)
        if isinstance(renewed, Opened) and await still_there(info.context, renewed.session):
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
        info: IdentityInfo,
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
        info: IdentityInfo,
        current_password: Annotated[
            str, strawberry.argument(description="The password that is good now.")
        ],
        new_password: Annotated[
            str, strawberry.argument(description="10 to 200 characters, not easy to guess.")
        ],
    ) -> ChangePasswordPayload:
        await change_password(info.context, current_password, new_password)
        return ChangePasswordPayload(done=True)

    @strawberry.mutation(description="End one's own session, or that of a user one may manage.")
    @answers(SessionPayload)
    async def end_session(
        self,
        info: IdentityInfo,
        id: Annotated[strawberry.ID, strawberry.argument(description="The session's id.")],
    ) -> SessionPayload:
        ctx, session_id = info.context, SessionId(uuid(id, "id"))
        found = await ctx.read(store.by_id, session_id)
        managed = found is not None and await in_reach(ctx, found.user)
        reaches = frozenset({found.user}) if found is not None and managed else frozenset[UserId]()
        ended = await ctx.write(commands.end_session, ctx.actor, session_id, reaches=reaches)
        return SessionPayload(session=Session.of(ended, ctx))


async def in_reach(ctx: IdentityContext, user: UserId) -> bool:
    """Whether the one who asks may change this user."""
    if not ctx.may("User", "update"):
        return False
    return await ctx.read(users.by_ids, ctx.scope("User", "update"), [user]) != [None]
