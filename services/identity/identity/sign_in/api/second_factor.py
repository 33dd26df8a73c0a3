"""Second factors: six digits from an authenticator beside the password."""

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
from identity.sign_in.services.office import Office
from identity.sign_in.services.sign_in import needs_second, proved
from identity.sign_in.services.throttle import Throttle
from identity.sign_in.store import passkey as passkeys, second_factor as store


@strawberry.type(description="How it stands with one's own second factor.")
class SecondFactor:
    confirmed_at: datetime = strawberry.field(description="Since when it is in force.")
    recovery_codes_left: int = strawberry.field(description="How many recovery codes are unused.")


@strawberry.type(description="What an authenticator has to know, or why there is nothing.")
class BeginSecondFactorPayload:
    secret: str | None = strawberry.field(
        default=None, description="To be typed into an authenticator. Shown now and never again."
    )
    address: str | None = strawberry.field(
        default=None, description="The same as `otpauth://…`, to be shown as a QR code."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list,
        description="UNAUTHENTICATED: wrong user name or password. BAD_INPUT: there is one already.",
    )


@strawberry.type(description="Whether the second factor is gone.")
class EndSecondFactorPayload:
    done: bool = strawberry.field(default=False, description="True if it was done.")
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="BAD_INPUT: the code. FORBIDDEN: a role needs it."
    )


@strawberry.type(description="Whose second factor is gone, or why it is not.")
class ResetSecondFactorPayload:
    user: User | None = strawberry.field(default=None, description="The user.")
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="NOT_FOUND, FORBIDDEN."
    )


@strawberry.type
class SecondFactorQuery:
    @strawberry.field(description="One's own second factor; null: there is none in force.")
    async def my_second_factor(self, info: Info) -> SecondFactor | None:
        found = await info.context.read(store.status, UserId(info.context.actor.user_id))
        if found is None:
            return None
        return SecondFactor(
            confirmed_at=found.confirmed_at, recovery_codes_left=found.recovery_codes_left
        )


@strawberry.type
class SecondFactorMutation:
    @strawberry.mutation(
        description="Make a second factor for oneself, by password. It is in force once `signIn` "
        "got its first code; until then nothing changes. Send no Authorization header.",
        metadata=open_to_all(),
    )
    @answers(BeginSecondFactorPayload)
    async def begin_second_factor(
        self,
        info: Info,
        username: Annotated[str, strawberry.argument(description="The user name.")],
        password: Annotated[str, strawberry.argument(description="The password.")],
    ) -> BeginSecondFactorPayload:
        ctx, name = info.context, asked_username(username)
        try:
            known, kept = await proved(ctx, name, password)
            secret = await ctx.write(
                commands.begin_enrolment, ctx.resource(Office).seal, known.id, kept
            )
        except Unauthenticated as problem:
            return BeginSecondFactorPayload(errors=[user_error(problem, ctx.locale)])
        return BeginSecondFactorPayload(
            secret=domain.secret_text(secret), address=domain.provisioning_uri(secret, name)
        )

    @strawberry.mutation(
        description="Be rid of one's own second factor, by showing a code of it once more."
    )
    @answers(EndSecondFactorPayload)
    async def end_second_factor(
        self,
        info: Info,
        code: Annotated[str, strawberry.argument(description="Six digits, or a recovery code.")],
    ) -> EndSecondFactorPayload:
        ctx, me = info.context, UserId(info.context.actor.user_id)
        await ctx.read(require_open_session, ctx.actor)
        if needs_second(ctx, me) and not await ctx.read(passkeys.has_passkey, me):
            raise Denied(
                "A role of yours needs a second factor, so it cannot be ended.",
                "您的角色要求启用第二因素，无法停用。",
            )
        await Throttle(ctx.runtime.redis, 10, 600).count(f"{me} code", "")
        try:
            await ctx.write(commands.end_own_factor, ctx.resource(Office).seal, ctx.actor, code)
        except InvalidFactor as problem:
            raise BadInput(
                "code is not right, or was used before; wait for the next one.",
                "code 不正确或已使用，请等待下一个。",
                field="code",
            ) from problem
        return EndSecondFactorPayload(done=True)

    @strawberry.mutation(
        description="Take somebody's second factor away who lost it; all their sessions end.",
        metadata=right("User", "update"),
    )
    @answers(ResetSecondFactorPayload)
    async def reset_second_factor(
        self,
        info: Info,
        user_id: Annotated[strawberry.ID, strawberry.argument(description="The user's id.")],
    ) -> ResetSecondFactorPayload:
        ctx, id = info.context, UserId(uuid(user_id, "userId"))
        await ctx.write(commands.reset_factor, ctx.scope("User", "update"), id)
        return ResetSecondFactorPayload(user=await user_of(info, id))
