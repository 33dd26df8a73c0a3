"""Finishing a sign-in that a provider vouched for, and the accounts somebody tied to their own."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry

from chassis.api.context import Context, Info
from chassis.api.problems import UserError, answers, user_error
from chassis.api.rights import open_to_all
from chassis.errors import Denied, Unauthenticated
from identity.core.api.ids import maybe_uuid, uuid
from identity.core.domain.ids import SignInLinkId, UserId
from identity.sign_in.api.session import in_reach
from identity.sign_in.api.sign_in_payload import PasskeyArgument, SignInPayload, signed
from identity.sign_in.commands import sign_in_link as commands
from identity.sign_in.services.office import Office
from identity.sign_in.services.sign_in import Beside, finish_by_provider
from identity.sign_in.store import provider as providers, sign_in_link as store
from identity.sign_in.store.sign_in_link import LinkRow

TicketArgument = Annotated[
    str, strawberry.argument(description="What came back after `#ticket=`; good for five minutes.")
]
VerifierArgument = Annotated[
    str, strawberry.argument(description="The text whose SHA-256 was the `challenge`.")
]


@strawberry.type(description="An account at a sign-in provider that is somebody here.")
class SignInLink:
    id: strawberry.ID = strawberry.field(description="The link's id.")
    provider: str = strawberry.field(description="The provider's name.")
    title: str = strawberry.field(description="The provider's title.")
    created_at: datetime = strawberry.field(description="When it was tied.")
    used_at: datetime = strawberry.field(description="When somebody signed in by it last.")


@strawberry.type(description="One's accounts at providers after the change.")
class SignInLinkPayload:
    links: list[SignInLink] = strawberry.field(
        default_factory=list, description="The accounts that are tied now."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list,
        description="UNAUTHENTICATED: the ticket. FORBIDDEN: sign in again first. CONFLICT: it is "
        "somebody else's, or there is one already. BAD_INPUT: it is the only way in.",
    )


@strawberry.type
class SignInLinkQuery:
    @strawberry.field(
        description="Accounts at sign-in providers: one's own, or somebody's one may manage."
    )
    async def sign_in_links(
        self,
        info: Info,
        user_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="Whose; null: one's own.")
        ] = None,
    ) -> list[SignInLink]:
        ctx = info.context
        whose = UserId(maybe_uuid(user_id, "userId") or ctx.actor.user_id)
        if whose != ctx.actor.user_id and not await in_reach(ctx, whose):
            raise Denied(
                "You may see your own accounts only.",
                "您只能查看自己的关联账号。",
                coordinate="Query.signInLinks",
            )
        return await _links(ctx, whose)


@strawberry.type
class SignInLinkMutation:
    @strawberry.mutation(
        description="Finish a sign-in by a provider. Send no Authorization header.",
        metadata=open_to_all(),
    )
    @answers(SignInPayload)
    async def finish_sign_in(
        self,
        info: Info,
        ticket: TicketArgument,
        verifier: VerifierArgument,
        code: Annotated[
            str | None,
            strawberry.argument(description="Where `needs` was CODE, as for `signIn`."),
        ] = None,
        passkey: PasskeyArgument = None,
    ) -> SignInPayload:
        ctx, beside = info.context, Beside(code, passkey)
        try:
            opened = await finish_by_provider(ctx, ticket, verifier, beside)
        except Unauthenticated as problem:
            return SignInPayload(errors=[user_error(problem, ctx.locale)])
        return await signed(ctx, opened)

    @strawberry.mutation(
        description="Tie an account at a provider to one's own, to sign in by it from now on. "
        "Needs a sign-in of the last minutes."
    )
    @answers(SignInLinkPayload)
    async def link_sign_in(
        self, info: Info, ticket: TicketArgument, verifier: VerifierArgument
    ) -> SignInLinkPayload:
        ctx, office = info.context, info.context.resource(Office)
        await ctx.write(
            commands.link_account, office.seal, ctx.actor, ticket, verifier, office.fresh
        )
        return SignInLinkPayload(links=await _links(ctx, UserId(ctx.actor.user_id)))

    @strawberry.mutation(
        description="Untie an account at a provider: one's own, or that of a user one may manage. "
        "The sessions it began end."
    )
    @answers(SignInLinkPayload)
    async def unlink_sign_in(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The link's id.")],
    ) -> SignInLinkPayload:
        ctx, link = info.context, SignInLinkId(uuid(id, "id"))
        found = await ctx.read(store.by_id, link)
        managed = found is not None and await in_reach(ctx, found.user)
        reaches = frozenset({found.user}) if found is not None and managed else frozenset[UserId]()
        await ctx.write(commands.unlink_account, ctx.actor, link, reaches)
        assert found is not None
        return SignInLinkPayload(links=await _links(ctx, found.user))


async def _links(ctx: Context, whose: UserId) -> list[SignInLink]:
    rows: list[LinkRow] = await ctx.read(store.of_user, whose)
    known = await ctx.read(providers.by_ids, [row.provider for row in rows])
    return [
        SignInLink(
            id=strawberry.ID(str(row.id)),
            provider=provider.name,
            title=provider.title,
            created_at=row.created_at,
            used_at=row.used_at,
        )
        for row, provider in zip(rows, known, strict=True)
        if provider is not None
    ]
