"""GraphQL API of password resets: an administrator issues a code, its owner sets a new password."""

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
from identity.sign_in.services.sign_in import CODE_ATTEMPTS, CODE_WINDOW_SECONDS
from identity.sign_in.services.sign_in_service import SignInService
from identity.sign_in.services.throttle import Throttle


@strawberry.type(description="A code for setting a new password, or the errors.")
class IssueResetCodePayload:
    """The result of `issueResetCode`."""

    code: str | None = strawberry.field(
        default=None,
        description="The code, to be handed over in person or by telephone. It is shown now and "
        "never again, and valid once.",
    )
    expires_at: datetime | None = strawberry.field(
        default=None, description="When the code expires."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="NOT_FOUND. FORBIDDEN. BAD_INPUT: not an active person."
    )


@strawberry.type(description="Whether the new password was set, or the errors.")
class ResetPasswordPayload:
    """The result of `resetPassword`."""

    done: bool = strawberry.field(default=False, description="Whether the new password was set.")
    errors: list[UserError] = strawberry.field(
        default_factory=list,
        description="BAD_INPUT: user name, code or new password. RATE_LIMITED: too many attempts.",
    )


@strawberry.type
class PasswordResetMutation:
    """Mutations of password resets."""

    @strawberry.mutation(
        description="Issue a code with which a user who forgot their password sets a new one. "
        "Nothing else changes until then.",
        metadata=right("User", "update"),
    )
    @answers(IssueResetCodePayload)
    async def issue_reset_code(
        self,
        info: Info,
        user_id: Annotated[strawberry.ID, strawberry.argument(description="The user's id.")],
    ) -> IssueResetCodePayload:
        """Issue a reset code for a user."""
        ctx, user = info.context, UserId(uuid(user_id, "userId"))
        lifetime = timedelta(hours=ctx.resource(IdentitySettings).reset_code_hours)
        issued = await ctx.write(commands.issue_code, ctx.scope("User", "update"), user, lifetime)
        return IssueResetCodePayload(code=issued.code, expires_at=issued.expires_at)

    @strawberry.mutation(
        description="Set a new password with a reset code. All sessions of the user end, a second "
        "factor stays. Send no Authorization header.",
        metadata=open_to_all(),
    )
    @answers(ResetPasswordPayload)
    async def reset_password(
        self,
        info: Info,
        username: Annotated[str, strawberry.argument(description="The user name.")],
        code: Annotated[str, strawberry.argument(description="The reset code; valid once.")],
        new_password: Annotated[
            str,
            strawberry.argument(
                description="The new password: 10 to 200 characters, not easy to guess."
            ),
        ],
    ) -> ResetPasswordPayload:
        """Set a new password with a reset code."""
        ctx, name = info.context, asked_username(username)
        passwords = ctx.resource(SignInService).passwords
        await Throttle(ctx.runtime.redis, CODE_ATTEMPTS, CODE_WINDOW_SECONDS).count_attempt(
            f"{name} reset", ctx.client
        )
        credentials = await ctx.read(users.credentials, name)
        if credentials is None or not await ctx.read(commands.is_valid, credentials.id, code):
            await ctx.write(
                sessions.record_refused_sign_in, credentials.id if credentials else None
            )
            raise _invalid_code()
        await passwords.check_strength(
            new_password, credentials.username, credentials.display_name, field="newPassword"
        )
        new_hash = await passwords.hash_password(new_password)
        if not await ctx.write(commands.reset_password, credentials.id, code, new_hash):
            raise _invalid_code()
        return ResetPasswordPayload(done=True)


def _invalid_code() -> BadInput:
    return BadInput(
        "The user name or the code is wrong, or the code was used or has expired.",
        "用户名或代码错误，或代码已使用或已过期。",
        field="code",
    )
