"""GraphQL API of passkeys, a second factor that resists phishing."""

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
from identity.sign_in.services.sign_in import requires_second_factor, verify_password
from identity.sign_in.services.sign_in_service import SignInService
from identity.sign_in.store import passkey as store
from identity.sign_in.store.passkey import PasskeyRow

PasskeyIdArgument = Annotated[strawberry.ID, strawberry.argument(description="The passkey's id.")]
NameArgument = Annotated[
    str, strawberry.argument(description="The name that its owner gives it, 1 to 100 characters.")
]


@strawberry.type(description="A passkey of the caller.")
class Passkey:
    """A passkey of the caller."""

    id: strawberry.ID = strawberry.field(description="The passkey's id.")
    name: str = strawberry.field(description="The name that its owner gave it.")
    backed_up: bool = strawberry.field(
        description="Whether the passkey is backed up by its provider, so that it survives a lost "
        "device."
    )
    created_at: datetime = strawberry.field(description="When it was registered.")
    used_at: datetime | None = strawberry.field(description="When it was last used to sign in.")

    @classmethod
    def of(cls, row: PasskeyRow) -> Passkey:
        """Build the GraphQL type from a row."""
        return cls(
            id=strawberry.ID(str(row.id)),
            name=row.name,
            backed_up=row.backed_up,
            created_at=row.created_at,
            used_at=row.used_at,
        )


@strawberry.type(description="Options for the browser to create a passkey, or the errors.")
class BeginPasskeyPayload:
    """The result of `beginPasskey`."""

    options: str | None = strawberry.field(
        default=None,
        description="JSON for `PublicKeyCredential.parseCreationOptionsFromJSON`; answer it within "
        "five minutes with `finishPasskey`.",
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list,
        description="UNAUTHENTICATED: wrong user name or password. BAD_INPUT: a second factor is "
        "active already, or no frontend is configured. FORBIDDEN: sign in again first.",
    )


@strawberry.type(description="The new passkey, or the errors.")
class FinishPasskeyPayload:
    """The result of `finishPasskey`."""

    passkey: Passkey | None = strawberry.field(default=None, description="The new passkey.")
    recovery_codes: list[str] = strawberry.field(
        default_factory=list,
        description="For the first second factor of a user: recovery codes for a lost device, each "
        "valid once as `code`. They are shown now and never again.",
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list,
        description="BAD_INPUT: the credential is invalid. CONFLICT: it is registered already.",
    )


@strawberry.type(description="The caller's passkeys after a change, or the errors.")
class PasskeysPayload:
    """The result of a change of passkeys."""

    passkeys: list[Passkey] = strawberry.field(
        default_factory=list, description="The caller's passkeys after the change."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list,
        description="NOT_FOUND. FORBIDDEN: sign in again first, or a role requires a second "
        "factor.",
    )


@strawberry.type
class PasskeyQuery:
    """Queries of passkeys."""

    @strawberry.field(description="The caller's passkeys, the oldest first; at most 20.")
    async def my_passkeys(self, info: Info) -> list[Passkey]:
        """Return the caller's passkeys."""
        return await _own_passkeys(info.context)


@strawberry.type
class PasskeyMutation:
    """Mutations of passkeys."""

    @strawberry.mutation(
        description="Begin to register a passkey. Callers who signed in within the last few "
        "minutes omit both arguments. Where `needs` was ENROL, pass user name and password and "
        "send no Authorization header.",
        metadata=open_to_all(),
    )
    @answers(BeginPasskeyPayload)
    async def begin_passkey(
        self,
        info: Info,
        username: Annotated[
            str | None,
            strawberry.argument(description="The user name, if the caller is not signed in."),
        ] = None,
        password: Annotated[
            str | None,
            strawberry.argument(description="The password, if the caller is not signed in."),
        ] = None,
    ) -> BeginPasskeyPayload:
        """Return creation options for a passkey."""
        ctx, sign_in_service = info.context, info.context.resource(SignInService)
        relying_party = _relying_party(ctx)
        if username is None or password is None:
            options = await ctx.write(
                commands.begin_registration,
                relying_party,
                ctx.actor,
                sign_in_service.max_sign_in_age,
            )
            return BeginPasskeyPayload(options=options)
        try:
            credentials, password_hash = await verify_password(
                ctx, asked_username(username), password
            )
            options = await ctx.write(
                commands.begin_first_registration,
                sign_in_service.seal,
                relying_party,
                credentials.id,
                password_hash,
            )
        except Unauthenticated as problem:
            return BeginPasskeyPayload(errors=[user_error(problem, ctx.locale)])
        return BeginPasskeyPayload(options=options)

    @strawberry.mutation(
        description="Register the passkey that the browser created. It is in force at once.",
        metadata=open_to_all(),
    )
    @answers(FinishPasskeyPayload)
    async def finish_passkey(
        self,
        info: Info,
        credential: Annotated[
            str,
            strawberry.argument(
                description="The credential that the browser created, as JSON "
                "(`credential.toJSON()`)."
            ),
        ],
        name: NameArgument,
    ) -> FinishPasskeyPayload:
        """Store the passkey of a browser's answer."""
        ctx, seal = info.context, info.context.resource(SignInService).seal
        added = await ctx.write(
            commands.finish_registration, seal, _relying_party(ctx), credential, name
        )
        rows = await ctx.read(store.of_user, added.user)
        return FinishPasskeyPayload(
            passkey=next(Passkey.of(row) for row in rows if row.id == added.id),
            recovery_codes=list(added.recovery_codes),
        )

    @strawberry.mutation(description="Rename a passkey of the caller.")
    @answers(PasskeysPayload)
    async def rename_passkey(
        self, info: Info, id: PasskeyIdArgument, name: NameArgument
    ) -> PasskeysPayload:
        """Rename a passkey of the caller."""
        ctx = info.context
        await ctx.write(commands.rename, ctx.actor, PasskeyId(uuid(id, "id")), name)
        return PasskeysPayload(passkeys=await _own_passkeys(ctx))

    @strawberry.mutation(
        description="Remove a passkey of the caller. Requires a sign-in within the last few "
        "minutes."
    )
    @answers(PasskeysPayload)
    async def remove_passkey(self, info: Info, id: PasskeyIdArgument) -> PasskeysPayload:
        """Remove a passkey of the caller."""
        ctx, sign_in_service = info.context, info.context.resource(SignInService)
        await ctx.write(
            commands.remove,
            sign_in_service.seal,
            ctx.actor,
            PasskeyId(uuid(id, "id")),
            sign_in_service.max_sign_in_age,
            required=requires_second_factor(ctx, UserId(ctx.actor.user_id)),
        )
        return PasskeysPayload(passkeys=await _own_passkeys(ctx))


async def _own_passkeys(ctx: Context) -> list[Passkey]:
    return [Passkey.of(row) for row in await ctx.read(store.of_user, UserId(ctx.actor.user_id))]


def _relying_party(ctx: Context) -> RelyingParty:
    relying_party = ctx.resource(SignInService).relying_party
    if relying_party is None:
        raise BadInput(
            "Passkeys are not available, because HUICHI_IDENTITY_FRONTENDS names no frontend.",
            "无法使用通行密钥：HUICHI_IDENTITY_FRONTENDS 未配置前端。",
        )
    return relying_party
