"""When a password is forgotten: a code from an administrator, a new password from its owner."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

import strawberry

from chassis.api.context import Info
from chassis.api.problems import UserError, answers
from chassis.api.rights import open_to_all, right
from chassis.errors import BadInput
from identity.core.api.ids import uuid
from identity.core.domain.ids import UserId
from identity.people.domain.user import asked_username
from identity.people.store import user as users
from identity.settings import IdentitySettings
from identity.sign_in.commands import password_reset as commands, session as sessions
from identity.sign_in.services.office import Office
from identity.sign_in.services.sign_in import CODE_ATTEMPTS, CODE_WINDOW_SECONDS
from identity.sign_in.services.throttle import Throttle


@strawberry.type(description="A code to set a new password with, or why there is none.")
class IssueResetCodePayload:
    code: str | None = strawberry.field(
        default=None,
        description="Hand it over in person or by telephone. Shown now and never again; good once.",
    )
    expires_at: datetime | None = strawberry.field(
        default=None, description="When it is good no more."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="NOT_FOUND, FORBIDDEN, BAD_INPUT: no active person."
    )


@strawberry.type(description="Whether the new password is in force.")
class ResetPasswordPayload:
    done: bool = strawberry.field(default=False, description="True if it was done.")
    errors: list[UserError] = strawberry.field(
        default_factory=list,
        description="BAD_INPUT: the code (or the user name), or the new password. RATE_LIMITED.",
    )


@strawberry.type
class PasswordResetMutation:
    @strawberry.mutation(
        description="Make a code with which somebody who forgot their password sets a new one. "
        "Nothing else changes until they do.",
        metadata=right("User", "update"),
    )
    @answers(IssueResetCodePayload)
    async def issue_reset_code(
        self,
        info: Info,
        user_id: Annotated[strawberry.ID, strawberry.argument(description="The user's id.")],
    ) -> IssueResetCodePayload:
        ctx, whose = info.context, UserId(uuid(user_id, "userId"))
        lasts = timedelta(hours=ctx.resource(IdentitySettings).reset_code_hours)
        made = await ctx.write(commands.issue_code, ctx.scope("User", "update"), whose, lasts)
        return IssueResetCodePayload(code=made.code, expires_at=made.expires_at)

    @strawberry.mutation(
        description="Set a new password by a code; all sessions end, a second factor stays. "
        "Then sign in. Send no Authorization header.",
        metadata=open_to_all(),
    )
    @answers(ResetPasswordPayload)
    async def reset_password(
        self,
        info: Info,
        username: Annotated[str, strawberry.argument(description="The user name.")],
        code: Annotated[str, strawberry.argument(description="The code, once.")],
        new_password: Annotated[
            str, strawberry.argument(description="10 to 200 characters, not easy to guess.")
        ],
    ) -> ResetPasswordPayload:
        ctx, name = info.context, asked_username(username)
        passwords = ctx.resource(Office).passwords
        await Throttle(ctx.runtime.redis, CODE_ATTEMPTS, CODE_WINDOW_SECONDS).count(
            f"{name} reset", ctx.client
        )
        known = await ctx.read(users.credentials, name)
        if known is None or not await ctx.read(commands.is_valid, known.id, code):
            await ctx.write(sessions.record_refused_sign_in, known.id if known else None)
            raise _not_good()
        await passwords.accepted(
            new_password, known.username, known.display_name, field="newPassword"
        )
        hashed = await passwords.hashed(new_password)
        if not await ctx.write(commands.reset_password, known.id, code, hashed):
            raise _not_good()
        return ResetPasswordPayload(done=True)


def _not_good() -> BadInput:
    return BadInput(
        "The user name or the code is wrong, or the code was used or is too old.",
        "用户名或代码错误，或代码已使用或已过期。",
        field="code",
    )
