"""GraphQL API of API clients: programs that present a key where users enter a password."""

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
from identity.directory.domain.api_client import MAX_DAYS, ApiScope
from identity.directory.store import api_client as store
from identity.directory.store.api_client import ApiClientRow
from identity.people.api.types import User, user_of
from identity.sign_in.api.sign_in_payload import SignInPayload
from identity.sign_in.commands import session as sessions
from identity.sign_in.services.sign_in import request_origin
from identity.sign_in.services.sign_in_service import SignInService

strawberry.enum(
    ApiScope,
    name="ApiScope",
    description="The interfaces that a key may use. GRAPHQL: exchange it for access tokens. SCIM: "
    "provision users and groups at /scim/v2. What may be done there is decided by the policy of "
    "its service user.",
)


@strawberry.type(description="A program with an API key of its own.")
class ApiClient:
    """An API client."""

    id: strawberry.ID = strawberry.field(description="The client's id.")
    name: str = strawberry.field(description="The purpose of the key.")
    hint: str = strawberry.field(
        description="The beginning of the key, to tell it from other keys."
    )
    scopes: list[ApiScope] = strawberry.field(description="The interfaces that the key may use.")
    created_at: datetime = strawberry.field(description="When the key was created.")
    expires_at: datetime = strawberry.field(description="When the key expires.")
    last_used_at: datetime | None = strawberry.field(
        description="When the key was last used, to the minute."
    )
    revoked_at: datetime | None = strawberry.field(
        description="When the key was revoked; null: it was not."
    )
    user_id: strawberry.Private[UserId]
    creator: strawberry.Private[UserId | None]

    @strawberry.field(description="The service user that the key acts as.", metadata=right("User"))
    async def user(self, info: Info) -> User | None:
        """Return the service user of the key."""
        return await user_of(info, self.user_id)

    @strawberry.field(description="The user who created the key.", metadata=right("User"))
    async def created_by(self, info: Info) -> User | None:
        """Return the user who created the key."""
        return await user_of(info, self.creator)

    @classmethod
    def of(cls, row: ApiClientRow) -> ApiClient:
        """Build the GraphQL type from a row."""
        return cls(
            id=strawberry.ID(str(row.id)),
            name=row.name,
            hint=row.hint,
            scopes=list(row.scopes),
            created_at=row.created_at,
            expires_at=row.expires_at,
            last_used_at=row.used_at,
            revoked_at=row.revoked_at,
            user_id=row.user,
            creator=row.created_by,
        )


@strawberry.input(description="The values of a new API key.")
class CreateApiClientInput:
    """The values of a new key."""

    user_id: strawberry.ID = strawberry.field(description="The service user that the key acts as.")
    name: str = strawberry.field(description="The purpose of the key, 1 to 100 characters.")
    scopes: list[ApiScope] = strawberry.field(
        description="The interfaces that the key may use; at least one."
    )
    expires_at: datetime = strawberry.field(
        description=f"When the key expires; at most {MAX_DAYS} days from now."
    )


@strawberry.type(description="The new key, or the errors.")
class CreateApiClientPayload:
    """The result of `createApiClient`."""

    api_client: ApiClient | None = strawberry.field(default=None, description="The API client.")
    key: str | None = strawberry.field(
        default=None,
        description="The key. It is shown now and never again, since only its hash is stored.",
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="BAD_INPUT, NOT_FOUND, FORBIDDEN."
    )


@strawberry.type(description="The API client after the change, or the errors.")
class ApiClientPayload:
    """The result of `revokeApiClient`."""

    api_client: ApiClient | None = strawberry.field(default=None, description="The API client.")
    errors: list[UserError] = strawberry.field(default_factory=list, description="NOT_FOUND.")


@strawberry.type
class ApiClientQuery:
    """Queries of API clients."""

    @strawberry.field(description="The API clients, the newest first.", metadata=right("ApiClient"))
    async def api_clients(
        self,
        info: Info,
        user_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="Filter by service user.")
        ] = None,
        open_only: Annotated[
            bool, strawberry.argument(description="Whether to return valid keys only.")
        ] = True,
        first: First = DEFAULT_FIRST,
        after: After = None,
    ) -> Connection[ApiClient]:
        """Return a page of API clients."""
        ctx, requested_id = info.context, maybe_uuid(user_id, "userId")
        page = await ctx.read(
            store.list_clients,
            ctx.scope("ApiClient"),
            Window(first, after),
            user_id=UserId(requested_id) if requested_id else None,
            open_only=open_only,
        )
        return connect(page, ApiClient.of)  # type: ignore[no-any-return]  # connect returns Any


@strawberry.type
class ApiClientMutation:
    """Mutations of API clients."""

    @strawberry.mutation(
        description="Create a key for a service user. Also requires the right to change that user.",
        metadata=right("ApiClient", "create"),
    )
    @answers(CreateApiClientPayload)
    async def create_api_client(
        self,
        info: Info,
        input: Annotated[
            CreateApiClientInput, strawberry.argument(description="The values of the key.")
        ],
    ) -> CreateApiClientPayload:
        """Create a key."""
        ctx = info.context
        draft = Draft(
            UserId(uuid(input.user_id, "userId")), input.name, input.scopes, input.expires_at
        )
        created = await ctx.write(
            commands.create_api_client,
            ctx.scope("ApiClient", "create"),
            ctx.scope("User", "update"),
            draft,
        )
        return CreateApiClientPayload(
            api_client=await _client_after_write(ctx, created.id), key=created.key
        )

    @strawberry.mutation(
        description="Revoke a key and end all sessions that began with it, at once.",
        metadata=right("ApiClient", "update"),
    )
    @answers(ApiClientPayload)
    async def revoke_api_client(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The client's id.")],
    ) -> ApiClientPayload:
        """Revoke a key."""
        ctx, client = info.context, ApiClientId(uuid(id, "id"))
        await ctx.write(commands.revoke_api_client, ctx.scope("ApiClient", "update"), client)
        return ApiClientPayload(api_client=await _client_after_write(ctx, client))

    @strawberry.mutation(
        description="Exchange an API key for an access token of its service user. There is no "
        "refresh token: present the key again. Send no Authorization header.",
        metadata=open_to_all(),
    )
    @answers(SignInPayload)
    async def exchange_api_key(
        self,
        info: Info,
        key: Annotated[str, strawberry.argument(description="The key, `hck_…`.")],
    ) -> SignInPayload:
        """Exchange a key for an access token."""
        ctx = info.context
        sign_in_service = ctx.resource(SignInService)
        lifetime = timedelta(seconds=sign_in_service.settings.access_token_seconds)
        try:
            program_session = await ctx.write(
                commands.exchange_key, key, request_origin(ctx), lifetime
            )
        except (Unauthenticated, Denied) as problem:
            await ctx.write(sessions.record_refused_sign_in, None)
            return SignInPayload(errors=[user_error(problem, ctx.locale)])
        token = await sign_in_service.access_token(
            ctx.db,
            program_session.user,
            program_session.session,
            ctx.runtime.revoked_sessions,
            lifetime=program_session.lifetime,
        )
        return SignInPayload(
            access_token=token.text,
            expires_at=token.expires_at,
            user_id=strawberry.ID(str(program_session.user)),
            session_id=strawberry.ID(str(program_session.session)),
        )


async def _client_after_write(ctx: Context, id: ApiClientId) -> ApiClient:
    """Return a client after a write; a caller who may write it may see the result."""
    action = "update" if ctx.may("ApiClient", "update") else "create"
    row = await ctx.read(store.by_id, ctx.scope("ApiClient", action), id)
    assert row is not None
    return ApiClient.of(row)
