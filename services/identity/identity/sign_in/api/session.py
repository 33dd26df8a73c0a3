"""GraphQL API of sessions: list and end them."""

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
from identity.sign_in.services.sign_in_service import SignInService
from identity.sign_in.store import session as store
from identity.sign_in.store.session import SessionRow

strawberry.enum(
    Ending,
    name="SessionEnding",
    description="Why a session ended. TOKEN_REUSED: a refresh token was presented twice, so a "
    "copy of it exists.",
)


@strawberry.type(description="A sign-in and how its session ended.")
class Session:
    """A session."""

    id: strawberry.ID = strawberry.field(description="The session's id.")
    address: str = strawberry.field(
        description="The network address of the sign-in, without its last part."
    )
    device: str = strawberry.field(
        description="The browser and system of the sign-in, as the client named itself."
    )
    created_at: datetime = strawberry.field(description="When the user signed in.")
    used_at: datetime = strawberry.field(description="When the session was last renewed.")
    expires_at: datetime = strawberry.field(description="When the session ends at the latest.")
    ended_at: datetime | None = strawberry.field(
        description="When the session ended; null: it is open or expired."
    )
    ending: Ending | None = strawberry.field(
        description="Why the session ended; null: it is open or expired."
    )
    current: bool = strawberry.field(description="Whether this request belongs to the session.")

    @classmethod
    def of(cls, row: SessionRow, context: Context) -> Session:
        """Build the GraphQL type from a row."""
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


@strawberry.type(description="The session after the change, or the errors.")
class SessionPayload:
    """The result of `endSession`."""

    session: Session | None = strawberry.field(
        default=None, description="The session after the change."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was done; empty on success."
    )


@strawberry.type(description="How many sessions ended, or the errors.")
class EndSessionsPayload:
    """The result of `endSessions`."""

    ended: int | None = strawberry.field(default=None, description="How many sessions ended.")
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was done; empty on success."
    )


@strawberry.type(description="The effect of signing out everyone, or the errors.")
class EndAllSessionsPayload:
    """The result of `endAllSessions`."""

    done: bool = strawberry.field(
        default=False, description="Whether the sessions were ended; false for a dry run."
    )
    sessions: int | None = strawberry.field(
        default=None, description="How many sessions ended, or would end."
    )
    users: int | None = strawberry.field(
        default=None, description="How many users the sessions belong to."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was done; empty on success."
    )


@strawberry.type
class SessionQuery:
    """Queries of sessions."""

    @strawberry.field(
        description="The caller's sessions, or those of a user whom the caller may manage; newest "
        "first."
    )
    async def sessions(
        self,
        info: Info,
        user_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="The user; null: the caller.")
        ] = None,
        open_only: Annotated[
            bool, strawberry.argument(description="Whether to return open sessions only.")
        ] = True,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[Session]:
        """Return a page of sessions."""
        ctx = info.context
        requested_id = maybe_uuid(user_id, "userId")
        user = UserId(requested_id or ctx.actor.user_id)
        if user != ctx.actor.user_id and not await may_manage(ctx, user):
            raise Denied(
                "userId is another user; you are permitted to see your own sessions only.",
                "userId 是其他用户，您只能查看自己的会话。",
                coordinate="Query.sessions",
            )
        page = await ctx.read(store.list_sessions, user, Window(first, after), open_only=open_only)
        return connect(page, lambda row: Session.of(row, ctx))  # type: ignore[no-any-return]  # connect returns Any


@strawberry.type
class SessionMutation:
    """Mutations of sessions."""

    @strawberry.mutation(
        description="End a session of the caller, or of a user whom the caller may manage."
    )
    @answers(SessionPayload)
    async def end_session(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The session's id.")],
    ) -> SessionPayload:
        """End one session."""
        ctx, session_id = info.context, SessionId(uuid(id, "id"))
        session_row = await ctx.read(store.by_id, session_id)
        is_managed = session_row is not None and await may_manage(ctx, session_row.user)
        manageable = (
            frozenset({session_row.user})
            if session_row is not None and is_managed
            else frozenset[UserId]()
        )
        ended = await ctx.write(commands.end_session, ctx.actor, session_id, manageable=manageable)
        return SessionPayload(session=Session.of(ended, ctx))

    @strawberry.mutation(
        description="End all other sessions of the caller, or all sessions of a user whom the "
        "caller may manage."
    )
    @answers(EndSessionsPayload)
    async def end_sessions(
        self,
        info: Info,
        user_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="The user; null: the caller.")
        ] = None,
        this_too: Annotated[
            bool,
            strawberry.argument(description="Whether to end the session of this request as well."),
        ] = False,
    ) -> EndSessionsPayload:
        """End the sessions of a user."""
        ctx = info.context
        user = UserId(maybe_uuid(user_id, "userId") or ctx.actor.user_id)
        if user != ctx.actor.user_id and not await may_manage(ctx, user):
            raise NotFound(
                f"userId {user} is not a user whom you may manage.",
                f"userId {user} 不是您可管理的用户。",
                field="userId",
            )
        current_id = ctx.actor.session_id
        except_id = SessionId(current_id) if current_id and not this_too else None
        ended = await ctx.write(commands.end_sessions, ctx.actor, user, except_id=except_id)
        return EndSessionsPayload(ended=ended)

    @strawberry.mutation(
        description="Sign out everyone, including programs and the caller: every session ends, "
        "and no token that was signed before is accepted. It is a dry run unless `dryRun` is "
        "false.",
        metadata=right("Session", "end"),
    )
    @answers(EndAllSessionsPayload)
    async def end_all_sessions(
        self,
        info: Info,
        dry_run: Annotated[
            bool,
            strawberry.argument(
                description="Whether to count the sessions only and change nothing."
            ),
        ] = True,
    ) -> EndAllSessionsPayload:
        """End every session, or count them."""
        ctx, sign_in_service = info.context, info.context.resource(SignInService)
        scope = ctx.scope("Session", "end")
        if dry_run:
            count = await ctx.read(everybody.count_sessions, scope)
            return EndAllSessionsPayload(sessions=count.sessions, users=count.users)
        lifetime = timedelta(seconds=sign_in_service.settings.access_token_seconds)
        count = await ctx.write(everybody.sign_out_everyone, scope, sign_in_service.seal, lifetime)
        sign_in_service.forget_key()
        return EndAllSessionsPayload(done=True, sessions=count.sessions, users=count.users)


async def may_manage(ctx: Context, user: UserId) -> bool:
    """Return whether the caller may change this user."""
    if not ctx.may("User", "update"):
        return False
    return await ctx.read(users.by_ids, ctx.scope("User", "update"), [user]) != [None]
