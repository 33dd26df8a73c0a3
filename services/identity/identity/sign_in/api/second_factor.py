"""GraphQL API of second factors: six digits from an authenticator beside the password."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry

from chassis.api.context import Info
from chassis.api.problems import UserError, answers, user_error
from chassis.api.rights import open_to_all, right
from chassis.errors import BadInput, Denied, Unauthenticated
from identity.core.api.ids import uuid
from identity.core.domain.ids import UserId
from identity.people.api.types import User, user_of
from identity.people.domain.user import asked_username
from identity.sign_in.commands import second_factor as commands
from identity.sign_in.commands.second_factor import InvalidFactor
from identity.sign_in.commands.session_guard import require_open_session
from identity.sign_in.domain import second_factor as domain
from identity.sign_in.services.sign_in import requires_second_factor, verify_password
from identity.sign_in.services.sign_in_service import SignInService
from identity.sign_in.services.throttle import Throttle
from identity.sign_in.store import passkey as passkeys, second_factor as store


@strawberry.type(description="The status of the caller's second factor.")
class SecondFactor:
    """The status of the caller's second factor."""

    confirmed_at: datetime = strawberry.field(
        description="Since when the second factor is in force."
    )
    recovery_codes_left: int = strawberry.field(description="How many recovery codes are unused.")


@strawberry.type(description="The secret for an authenticator, or the errors.")
class BeginSecondFactorPayload:
    """The result of `beginSecondFactor`."""

    secret: str | None = strawberry.field(
        default=None,
        description="The secret to type into an authenticator. It is shown now and never again.",
    )
    address: str | None = strawberry.field(
        default=None, description="The secret as an `otpauth://` URI, to be shown as a QR code."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list,
        description="UNAUTHENTICATED: wrong user name or password. BAD_INPUT: a second factor is "
        "active already.",
    )


@strawberry.type(description="Whether the second factor was removed, or the errors.")
class EndSecondFactorPayload:
    """The result of `endSecondFactor`."""

    done: bool = strawberry.field(
        default=False, description="Whether the second factor was removed."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list,
        description="BAD_INPUT: the code is wrong. FORBIDDEN: a role requires a second factor.",
    )


@strawberry.type(description="The user whose second factors were removed, or the errors.")
class ResetSecondFactorPayload:
    """The result of `resetSecondFactor`."""

    user: User | None = strawberry.field(default=None, description="The user.")
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="NOT_FOUND, FORBIDDEN."
    )


@strawberry.type
class SecondFactorQuery:
    """Queries of second factors."""

    @strawberry.field(description="The caller's second factor; null: none is in force.")
    async def my_second_factor(self, info: Info) -> SecondFactor | None:
        """Return the status of the caller's second factor."""
        status = await info.context.read(store.status, UserId(info.context.actor.user_id))
        if status is None:
            return None
        return SecondFactor(
            confirmed_at=status.confirmed_at, recovery_codes_left=status.recovery_codes_left
        )


@strawberry.type
class SecondFactorMutation:
    """Mutations of second factors."""

    @strawberry.mutation(
        description="Begin to set up a second factor for the user of this password. It is in "
        "force once `signIn` receives its first code; until then nothing changes. Send no "
        "Authorization header.",
        metadata=open_to_all(),
    )
    @answers(BeginSecondFactorPayload)
    async def begin_second_factor(
        self,
        info: Info,
        username: Annotated[str, strawberry.argument(description="The user name.")],
        password: Annotated[str, strawberry.argument(description="The password.")],
    ) -> BeginSecondFactorPayload:
        """Return a new secret for an authenticator."""
        ctx, name = info.context, asked_username(username)
        try:
            credentials, password_hash = await verify_password(ctx, name, password)
            secret = await ctx.write(
                commands.begin_enrolment,
                ctx.resource(SignInService).seal,
                credentials.id,
                password_hash,
            )
        except Unauthenticated as problem:
            return BeginSecondFactorPayload(errors=[user_error(problem, ctx.locale)])
        return BeginSecondFactorPayload(
            secret=domain.secret_text(secret), address=domain.provisioning_uri(secret, name)
        )

    @strawberry.mutation(
        description="Remove the caller's own second factor, confirmed by a code of it."
    )
    @answers(EndSecondFactorPayload)
    async def end_second_factor(
        self,
        info: Info,
        code: Annotated[
            str,
            strawberry.argument(
                description="The six digits of the authenticator, or a recovery code."
            ),
        ],
    ) -> EndSecondFactorPayload:
        """Remove the caller's second factor."""
        ctx, user_id = info.context, UserId(info.context.actor.user_id)
        await ctx.read(require_open_session, ctx.actor)
        if requires_second_factor(ctx, user_id) and not await ctx.read(
            passkeys.has_passkey, user_id
        ):
            raise Denied(
                "One of your roles requires a second factor, so it cannot be removed.",
                "您的角色要求启用第二因素，因此无法停用。",
            )
        await Throttle(ctx.runtime.redis, 10, 600).count_attempt(f"{user_id} code", "")
        try:
            await ctx.write(
                commands.end_own_factor, ctx.resource(SignInService).seal, ctx.actor, code
            )
        except InvalidFactor as problem:
            raise BadInput(
                "code is wrong or was used before; wait for the next one.",
                "code 不正确或已使用，请等待下一个。",
                field="code",
            ) from problem
        return EndSecondFactorPayload(done=True)

    @strawberry.mutation(
        description="Remove the second factors of a user who lost them; all sessions of the user "
        "end.",
        metadata=right("User", "update"),
    )
    @answers(ResetSecondFactorPayload)
    async def reset_second_factor(
        self,
        info: Info,
        user_id: Annotated[strawberry.ID, strawberry.argument(description="The user's id.")],
    ) -> ResetSecondFactorPayload:
        """Remove the second factors of a user."""
        ctx, id = info.context, UserId(uuid(user_id, "userId"))
        await ctx.write(commands.reset_factor, ctx.scope("User", "update"), id)
        return ResetSecondFactorPayload(user=await user_of(info, id))
