"""API clients: programs that show a key where people show a password."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

import strawberry

from chassis.api.context import Context, Info
from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect
from chassis.api.problems import UserError, answers, user_error
from chassis.api.rights import open_to_all, right
from chassis.errors import Denied, Unauthenticated
from identity.core.api.ids import maybe_uuid, uuid
from identity.core.domain.ids import ApiClientId, UserId
from identity.directory.commands import api_client as commands
from identity.directory.commands.api_client import Draft
from identity.directory.domain.api_client import LONGEST_DAYS, Door
from identity.directory.store import api_client as store
from identity.directory.store.api_client import ApiClientRow
from identity.people.api.types import User, user_of
from identity.sign_in.api.sign_in_payload import SignInPayload
from identity.sign_in.commands import session as sessions
from identity.sign_in.services.office import Office
from identity.sign_in.services.sign_in import origin_of

strawberry.enum(
    Door,
    name="ApiScope",
    description="What a key opens. GRAPHQL: trade it for access tokens. SCIM: provision users and "
    "groups at /scim/v2. What may be done there is the policy of its service user.",
)


@strawberry.type(description="A program with a key of its own.")
class ApiClient:
    id: strawberry.ID = strawberry.field(description="The client's id.")
    name: str = strawberry.field(description="What the key is for.")
    hint: str = strawberry.field(description="How the key begins, to tell it from others.")
    scopes: list[Door] = strawberry.field(description="What the key opens.")
    created_at: datetime = strawberry.field(description="When it was made.")
    expires_at: datetime = strawberry.field(description="When it ends by itself.")
    last_used_at: datetime | None = strawberry.field(
        description="When it was used last, to the minute."
    )
    revoked_at: datetime | None = strawberry.field(description="When it was ended, if it was.")
    user_id: strawberry.Private[UserId]
    creator: strawberry.Private[UserId | None]

    @strawberry.field(description="The service user it acts as.", metadata=right("User"))
    async def user(self, info: Info) -> User | None:
        return await user_of(info, self.user_id)

    @strawberry.field(description="Who made it.", metadata=right("User"))
    async def created_by(self, info: Info) -> User | None:
        return await user_of(info, self.creator)

    @classmethod
    def of(cls, row: ApiClientRow) -> ApiClient:
        return cls(
            id=strawberry.ID(str(row.id)),
            name=row.name,
            hint=row.hint,
            scopes=list(row.doors),
            created_at=row.created_at,
            expires_at=row.expires_at,
            last_used_at=row.used_at,
            revoked_at=row.revoked_at,
            user_id=row.user,
            creator=row.created_by,
        )


@strawberry.input(description="A key to be made.")
class CreateApiClientInput:
    user_id: strawberry.ID = strawberry.field(description="The service user it acts as.")
    name: str = strawberry.field(description="What it is for, 1 to 100 characters.")
    scopes: list[Door] = strawberry.field(description="What it opens; at least one.")
    expires_at: datetime = strawberry.field(
        description=f"When it ends; at most {LONGEST_DAYS} days from now."
    )


@strawberry.type(description="The new key, or why there is none.")
class CreateApiClientPayload:
    api_client: ApiClient | None = strawberry.field(default=None, description="The client.")
    key: str | None = strawberry.field(
        default=None,
        description="The key. It is shown now and never again: only its hash is kept.",
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="BAD_INPUT, NOT_FOUND, FORBIDDEN."
    )


@strawberry.type(description="The client as it is now, or why nothing changed.")
class ApiClientPayload:
    api_client: ApiClient | None = strawberry.field(default=None, description="The client.")
    errors: list[UserError] = strawberry.field(default_factory=list, description="NOT_FOUND.")


@strawberry.type
class ApiClientQuery:
    @strawberry.field(
        description="Programs with keys, the newest first.", metadata=right("ApiClient")
    )
    async def api_clients(
        self,
        info: Info,
        user_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="Only those of this user.")
        ] = None,
        open_only: Annotated[
            bool, strawberry.argument(description="Leave those out that are over.")
        ] = True,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[ApiClient]:
        ctx, asked = info.context, maybe_uuid(user_id, "userId")
        found = await ctx.read(
            store.listed,
            ctx.scope("ApiClient"),
            Window(first, after),
            whose=UserId(asked) if asked else None,
            open_only=open_only,
        )
        return connect(found, ApiClient.of)  # type: ignore[no-any-return]  # the one asked for


@strawberry.type
class ApiClientMutation:
    @strawberry.mutation(
        description="Make a key for a service user. Needs the right to change that user too.",
        metadata=right("ApiClient", "create"),
    )
    @answers(CreateApiClientPayload)
    async def create_api_client(
        self,
        info: Info,
        input: Annotated[CreateApiClientInput, strawberry.argument(description="The key to be.")],
    ) -> CreateApiClientPayload:
        ctx = info.context
        draft = Draft(
            UserId(uuid(input.user_id, "userId")), input.name, input.scopes, input.expires_at
        )
        made = await ctx.write(
            commands.create_api_client,
            ctx.scope("ApiClient", "create"),
            ctx.scope("User", "update"),
            draft,
        )
        return CreateApiClientPayload(api_client=await _shown(ctx, made.id), key=made.key)

    @strawberry.mutation(
        description="End a key and all sessions that came of it, at once.",
        metadata=right("ApiClient", "update"),
    )
    @answers(ApiClientPayload)
    async def revoke_api_client(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The client's id.")],
    ) -> ApiClientPayload:
        ctx, client = info.context, ApiClientId(uuid(id, "id"))
        await ctx.write(commands.revoke_api_client, ctx.scope("ApiClient", "update"), client)
        return ApiClientPayload(api_client=await _shown(ctx, client))

    @strawberry.mutation(
        description="Trade an API key for an access token of its service user. There is no "
        "refresh token: show the key again. Send no Authorization header.",
        metadata=open_to_all(),
    )
    @answers(SignInPayload)
    async def exchange_api_key(
        self,
        info: Info,
        key: Annotated[str, strawberry.argument(description="The key, `hck_…`.")],
    ) -> SignInPayload:
        ctx = info.context
        office = ctx.resource(Office)
        lasts = timedelta(seconds=office.settings.access_token_seconds)
        try:
            found = await ctx.write(commands.exchange, key, origin_of(ctx), lasts)
        except (Unauthenticated, Denied) as problem:
            await ctx.write(sessions.record_refused_sign_in, None)
            return SignInPayload(errors=[user_error(problem, ctx.locale)])
        token = await office.access_token(
            ctx.db, found.user, found.session, ctx.runtime.revoked_sessions, lasts=found.lasts
        )
        return SignInPayload(
            access_token=token.text,
            expires_at=token.expires_at,
            user_id=strawberry.ID(str(found.user)),
            session_id=strawberry.ID(str(found.session)),
        )


async def _shown(ctx: Context, id: ApiClientId) -> ApiClient:
    """The client after a write; whoever may write one may see what became of it."""
    action = "update" if ctx.may("ApiClient", "update") else "create"
    found = await ctx.read(store.by_id, ctx.scope("ApiClient", action), id)
    assert found is not None
    return ApiClient.of(found)
