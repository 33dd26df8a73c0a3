"""The sessions that come of signing in: seen, and ended."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

import strawberry

from chassis.api.context import Context, Info
from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect
from chassis.api.problems import UserError, answers
from chassis.api.rights import right
from chassis.errors import Denied, NotFound
from identity.core.api.ids import maybe_uuid, uuid
from identity.core.domain.ids import SessionId, UserId
from identity.people.store import user as users
from identity.sign_in.commands import session as commands, sign_out_everyone as everybody
from identity.sign_in.domain.device import mask_address
from identity.sign_in.domain.session import Ending
from identity.sign_in.services.office import Office
from identity.sign_in.store import session as store
from identity.sign_in.store.session import SessionRow

strawberry.enum(
    Ending,
    name="SessionEnding",
    description="Why a session is over. TOKEN_REUSED: a refresh token was shown twice, so a copy "
    "of it was about.",
)


@strawberry.type(description="One sign-in and what became of it.")
class Session:
    id: strawberry.ID = strawberry.field(description="The session's id.")
    address: str = strawberry.field(
        description="The network address it was opened from, its last part left out."
    )
    device: str = strawberry.field(
        description="The browser and system it was opened with, as they call themselves."
    )
    created_at: datetime = strawberry.field(description="When somebody signed in.")
    used_at: datetime = strawberry.field(description="When it was renewed last.")
    expires_at: datetime = strawberry.field(description="When it ends at the latest.")
    ended_at: datetime | None = strawberry.field(description="When it was ended, if it was.")
    ending: Ending | None = strawberry.field(description="Why it was ended, if it was.")
    current: bool = strawberry.field(description="Whether this request belongs to it.")

    @classmethod
    def of(cls, row: SessionRow, context: Context) -> Session:
        return cls(
            id=strawberry.ID(str(row.id)),
            address=mask_address(row.address),
            device=row.device,
            created_at=row.created_at,
            used_at=row.used_at,
            expires_at=row.expires_at,
            ended_at=row.ended_at,
            ending=row.ending,
            current=row.id == context.actor.session_id,
        )


@strawberry.type(description="The session after the change, or why there was none.")
class SessionPayload:
    session: Session | None = strawberry.field(
        default=None, description="The session as it is now."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was done; empty if it was."
    )


@strawberry.type(description="How many sessions ended, or why none did.")
class EndSessionsPayload:
    ended: int | None = strawberry.field(default=None, description="How many sessions ended.")
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was done; empty if it was."
    )


@strawberry.type(description="What signing everybody out did, or would do.")
class EndAllSessionsPayload:
    done: bool = strawberry.field(default=False, description="False: it was a dry run.")
    sessions: int | None = strawberry.field(
        default=None, description="How many sessions ended, or would."
    )
    users: int | None = strawberry.field(default=None, description="Of how many users.")
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was done; empty if it was."
    )


@strawberry.type
class SessionQuery:
    @strawberry.field(description="One's own sessions, or somebody's one may manage; newest first.")
    async def sessions(
        self,
        info: Info,
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
        found = await ctx.read(
            store.list_sessions, whose, Window(first, after), open_only=open_only
        )
        return connect(found, lambda row: Session.of(row, ctx))  # type: ignore[no-any-return]  # the one asked for


@strawberry.type
class SessionMutation:
    @strawberry.mutation(description="End one's own session, or that of a user one may manage.")
    @answers(SessionPayload)
    async def end_session(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The session's id.")],
    ) -> SessionPayload:
        ctx, session_id = info.context, SessionId(uuid(id, "id"))
        found = await ctx.read(store.by_id, session_id)
        managed = found is not None and await in_reach(ctx, found.user)
        reaches = frozenset({found.user}) if found is not None and managed else frozenset[UserId]()
        ended = await ctx.write(commands.end_session, ctx.actor, session_id, manageable=reaches)
        return SessionPayload(session=Session.of(ended, ctx))

    @strawberry.mutation(
        description="End all one's own sessions but this one, or all of a user one may manage."
    )
    @answers(EndSessionsPayload)
    async def end_sessions(
        self,
        info: Info,
        user_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="Whose; null: one's own.")
        ] = None,
        this_too: Annotated[
            bool, strawberry.argument(description="End the session of this request as well.")
        ] = False,
    ) -> EndSessionsPayload:
        ctx = info.context
        whose = UserId(maybe_uuid(user_id, "userId") or ctx.actor.user_id)
        if whose != ctx.actor.user_id and not await in_reach(ctx, whose):
            raise NotFound(
                f"No user {whose} exists for you.",
                f"未找到您可管理的用户 {whose}。",
                field="userId",
            )
        here = ctx.actor.session_id
        but = SessionId(here) if here and not this_too else None
        ended = await ctx.write(commands.end_sessions, ctx.actor, whose, except_id=but)
        return EndSessionsPayload(ended=ended)

    @strawberry.mutation(
        description="Sign everybody out, programs and oneself too: every session ends, and no token "
        "that was signed before is believed anywhere. A dry run unless `dryRun: false` is said.",
        metadata=right("Session", "end"),
    )
    @answers(EndAllSessionsPayload)
    async def end_all_sessions(
        self,
        info: Info,
        dry_run: Annotated[
            bool, strawberry.argument(description="Count only, and change nothing.")
        ] = True,
    ) -> EndAllSessionsPayload:
        ctx, office = info.context, info.context.resource(Office)
        scope = ctx.scope("Session", "end")
        if dry_run:
            found = await ctx.read(everybody.count_sessions, scope)
            return EndAllSessionsPayload(sessions=found.sessions, users=found.users)
        lifetime = timedelta(seconds=office.settings.access_token_seconds)
        found = await ctx.write(everybody.sign_out_everyone, scope, office.seal, lifetime)
        office.forget_key()
        return EndAllSessionsPayload(done=True, sessions=found.sessions, users=found.users)


async def in_reach(ctx: Context, user: UserId) -> bool:
    """Whether the one who asks may change this user."""
    if not ctx.may("User", "update"):
        return False
    return await ctx.read(users.by_ids, ctx.scope("User", "update"), [user]) != [None]
