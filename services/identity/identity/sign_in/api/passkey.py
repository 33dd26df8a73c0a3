"""Passkeys: a second factor that cannot be read over a shoulder, nor asked for by a false page."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry

from chassis.api.context import Context, Info
from chassis.api.problems import UserError, answers, user_error
from chassis.api.rights import open_to_all
from chassis.errors import BadInput, Unauthenticated
from identity.core.api.ids import uuid
from identity.core.domain.ids import PasskeyId, UserId
from identity.people.domain.user import asked_username
from identity.sign_in.commands import passkey as commands
from identity.sign_in.domain.passkey import RelyingParty
from identity.sign_in.services.office import Office
from identity.sign_in.services.sign_in import needs_second, proved
from identity.sign_in.store import passkey as store
from identity.sign_in.store.passkey import PasskeyRow

PasskeyIdArgument = Annotated[strawberry.ID, strawberry.argument(description="The passkey's id.")]
NameArgument = Annotated[
    str, strawberry.argument(description="What its owner calls it, 1 to 100 characters.")
]


@strawberry.type(description="A passkey of one's own.")
class Passkey:
    id: strawberry.ID = strawberry.field(description="The passkey's id.")
    name: str = strawberry.field(description="What its owner calls it.")
    backed_up: bool = strawberry.field(
        description="Whether its maker keeps a copy, so that it outlives the device."
    )
    created_at: datetime = strawberry.field(description="When it was taken on.")
    used_at: datetime | None = strawberry.field(description="When it was shown last.")

    @classmethod
    def of(cls, row: PasskeyRow) -> Passkey:
        return cls(
            id=strawberry.ID(str(row.id)),
            name=row.name,
            backed_up=row.backed_up,
            created_at=row.created_at,
            used_at=row.used_at,
        )


@strawberry.type(description="What the browser is to be asked, or why nothing.")
class BeginPasskeyPayload:
    options: str | None = strawberry.field(
        default=None,
        description="JSON for `PublicKeyCredential.parseCreationOptionsFromJSON`; answer it within "
        "five minutes with `finishPasskey`.",
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list,
        description="UNAUTHENTICATED: wrong user name or password. BAD_INPUT: there is a second "
        "factor already, or no frontend is set up. FORBIDDEN: sign in again first.",
    )


@strawberry.type(description="The new passkey, or why there is none.")
class FinishPasskeyPayload:
    passkey: Passkey | None = strawberry.field(default=None, description="The passkey.")
    recovery_codes: list[str] = strawberry.field(
        default_factory=list,
        description="With somebody's first second factor: codes for the day it is lost, each good "
        "once as `code`. They are shown now and never again.",
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="BAD_INPUT: the answer. CONFLICT: it is there already."
    )


@strawberry.type(description="One's passkeys after the change, or why nothing changed.")
class PasskeysPayload:
    passkeys: list[Passkey] = strawberry.field(
        default_factory=list, description="One's passkeys as they are now."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list,
        description="NOT_FOUND. FORBIDDEN: sign in again first, or a role needs it.",
    )


@strawberry.type
class PasskeyQuery:
    @strawberry.field(description="One's own passkeys, the oldest first; at most 20.")
    async def my_passkeys(self, info: Info) -> list[Passkey]:
        return await _mine(info.context)


@strawberry.type
class PasskeyMutation:
    @strawberry.mutation(
        description="Begin to take on a passkey. Signed in within the last minutes: leave both "
        "arguments out. Where `needs` was ENROL: by user name and password, without an "
        "Authorization header.",
        metadata=open_to_all(),
    )
    @answers(BeginPasskeyPayload)
    async def begin_passkey(
        self,
        info: Info,
        username: Annotated[
            str | None, strawberry.argument(description="The user name, if not signed in.")
        ] = None,
        password: Annotated[
            str | None, strawberry.argument(description="The password, if not signed in.")
        ] = None,
    ) -> BeginPasskeyPayload:
        ctx, office = info.context, info.context.resource(Office)
        relying = _relying(ctx)
        if username is None or password is None:
            options = await ctx.write(commands.begin_registration, relying, ctx.actor, office.fresh)
            return BeginPasskeyPayload(options=options)
        try:
            known, kept = await proved(ctx, asked_username(username), password)
            options = await ctx.write(
                commands.begin_first_registration, office.seal, relying, known.id, kept
            )
        except Unauthenticated as problem:
            return BeginPasskeyPayload(errors=[user_error(problem, ctx.locale)])
        return BeginPasskeyPayload(options=options)

    @strawberry.mutation(
        description="Keep the passkey that the browser made. It is in force at once.",
        metadata=open_to_all(),
    )
    @answers(FinishPasskeyPayload)
    async def finish_passkey(
        self,
        info: Info,
        credential: Annotated[
            str,
            strawberry.argument(
                description="The browser's answer, as JSON (`credential.toJSON()`)."
            ),
        ],
        name: NameArgument,
    ) -> FinishPasskeyPayload:
        ctx, seal = info.context, info.context.resource(Office).seal
        made = await ctx.write(commands.finish_registration, seal, _relying(ctx), credential, name)
        rows = await ctx.read(store.of_user, made.user)
        return FinishPasskeyPayload(
            passkey=next(Passkey.of(row) for row in rows if row.id == made.id),
            recovery_codes=list(made.recovery_codes),
        )

    @strawberry.mutation(description="Call one's own passkey otherwise.")
    @answers(PasskeysPayload)
    async def rename_passkey(
        self, info: Info, id: PasskeyIdArgument, name: NameArgument
    ) -> PasskeysPayload:
        ctx = info.context
        await ctx.write(commands.rename, ctx.actor, PasskeyId(uuid(id, "id")), name)
        return PasskeysPayload(passkeys=await _mine(ctx))

    @strawberry.mutation(
        description="Be rid of one's own passkey. Needs a sign-in of the last minutes."
    )
    @answers(PasskeysPayload)
    async def remove_passkey(self, info: Info, id: PasskeyIdArgument) -> PasskeysPayload:
        ctx, office = info.context, info.context.resource(Office)
        await ctx.write(
            commands.remove,
            office.seal,
            ctx.actor,
            PasskeyId(uuid(id, "id")),
            office.fresh,
            required=needs_second(ctx, UserId(ctx.actor.user_id)),
        )
        return PasskeysPayload(passkeys=await _mine(ctx))


async def _mine(ctx: Context) -> list[Passkey]:
    return [Passkey.of(row) for row in await ctx.read(store.of_user, UserId(ctx.actor.user_id))]


def _relying(ctx: Context) -> RelyingParty:
    found = ctx.resource(Office).relying
    if found is None:
        raise BadInput(
            "There can be no passkeys: HUICHI_IDENTITY_FRONTENDS names no frontend.",
            "无法使用通行密钥：HUICHI_IDENTITY_FRONTENDS 未配置前端。",
        )
    return found
