"""GraphQL API of provider sign-ins: finish one, and manage the linked accounts."""

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
from identity.sign_in.api.session import may_manage
from identity.sign_in.api.sign_in_payload import PasskeyArgument, SignInPayload, sign_in_payload
from identity.sign_in.commands import sign_in_link as commands
from identity.sign_in.services.sign_in import AdditionalProof, finish_provider_sign_in
from identity.sign_in.services.sign_in_service import SignInService
from identity.sign_in.store import provider as providers, sign_in_link as store
from identity.sign_in.store.sign_in_link import LinkRow

TicketArgument = Annotated[
    str,
    strawberry.argument(
        description="The ticket that came back after `#ticket=`; valid for five minutes."
    ),
]
VerifierArgument = Annotated[
    str, strawberry.argument(description="The verifier whose SHA-256 was the `challenge`.")
]


@strawberry.type(description="An account at a sign-in provider that is linked to a user.")
class SignInLink:
    """A linked account at a provider."""

    id: strawberry.ID = strawberry.field(description="The link's id.")
    provider: str = strawberry.field(description="The provider's name.")
    title: str = strawberry.field(description="The provider's title.")
    created_at: datetime = strawberry.field(description="When the account was linked.")
    used_at: datetime = strawberry.field(description="When the user last signed in through it.")


@strawberry.type(description="The linked accounts after a change, or the errors.")
class SignInLinkPayload:
    """The result of a change of linked accounts."""

    links: list[SignInLink] = strawberry.field(
        default_factory=list, description="The accounts that are linked now."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list,
        description="UNAUTHENTICATED: the ticket is not valid. FORBIDDEN: sign in again first. "
        "CONFLICT: the account is linked to another user, or another account of the provider is "
        "linked. BAD_INPUT: it is the only way to sign in.",
    )


@strawberry.type
class SignInLinkQuery:
    """Queries of linked accounts."""

    @strawberry.field(
        description="The linked accounts of the caller, or of a user whom the caller may manage."
    )
    async def sign_in_links(
        self,
        info: Info,
        user_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="The user; null: the caller.")
        ] = None,
    ) -> list[SignInLink]:
        """Return the linked accounts of a user."""
        ctx = info.context
        user = UserId(maybe_uuid(user_id, "userId") or ctx.actor.user_id)
        if user != ctx.actor.user_id and not await may_manage(ctx, user):
            raise Denied(
                "userId is another user; you are permitted to see your own linked accounts only.",
                "userId 是其他用户，您只能查看自己的关联账号。",
                coordinate="Query.signInLinks",
            )
        return await _links(ctx, user)


@strawberry.type
class SignInLinkMutation:
    """Mutations of provider sign-ins and linked accounts."""

    @strawberry.mutation(
        description="Finish a sign-in through a provider. Send no Authorization header.",
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
            strawberry.argument(description="The code, where `needs` was CODE, as for `signIn`."),
        ] = None,
        passkey: PasskeyArgument = None,
    ) -> SignInPayload:
        """Finish a sign-in through a provider."""
        ctx, proof = info.context, AdditionalProof(code, passkey)
        try:
            opened = await finish_provider_sign_in(ctx, ticket, verifier, proof)
        except Unauthenticated as problem:
            return SignInPayload(errors=[user_error(problem, ctx.locale)])
        return await sign_in_payload(ctx, opened)

    @strawberry.mutation(
        description="Link an account at a provider to the caller, who can sign in through it from "
        "then on. Requires a sign-in within the last few minutes."
    )
    @answers(SignInLinkPayload)
    async def link_sign_in(
        self, info: Info, ticket: TicketArgument, verifier: VerifierArgument
    ) -> SignInLinkPayload:
        """Link an account to the caller's."""
        ctx, sign_in_service = info.context, info.context.resource(SignInService)
        await ctx.write(
            commands.link_account,
            sign_in_service.seal,
            ctx.actor,
            ticket,
            verifier,
            sign_in_service.max_sign_in_age,
        )
        return SignInLinkPayload(links=await _links(ctx, UserId(ctx.actor.user_id)))

    @strawberry.mutation(
        description="Remove the link to an account at a provider: of the caller, or of a user "
        "whom the caller may manage. The sessions it began end."
    )
    @answers(SignInLinkPayload)
    async def unlink_sign_in(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The link's id.")],
    ) -> SignInLinkPayload:
        """Remove a link."""
        ctx, link = info.context, SignInLinkId(uuid(id, "id"))
        link_row = await ctx.read(store.by_id, link)
        is_managed = link_row is not None and await may_manage(ctx, link_row.user)
        manageable = (
            frozenset({link_row.user})
            if link_row is not None and is_managed
            else frozenset[UserId]()
        )
        await ctx.write(commands.unlink_account, ctx.actor, link, manageable)
        assert link_row is not None
        return SignInLinkPayload(links=await _links(ctx, link_row.user))


async def _links(ctx: Context, user: UserId) -> list[SignInLink]:
    rows: list[LinkRow] = await ctx.read(store.of_user, user)
    provider_rows = await ctx.read(providers.by_ids, [row.provider for row in rows])
    return [
        SignInLink(
            id=strawberry.ID(str(row.id)),
            provider=provider.name,
            title=provider.title,
            created_at=row.created_at,
            used_at=row.used_at,
        )
        for row, provider in zip(rows, provider_rows, strict=True)
        if provider is not None
    ]
