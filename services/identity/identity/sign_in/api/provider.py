"""GraphQL API of sign-in providers: the list for sign-in pages, and their administration."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, TypeVar
from urllib.parse import quote

import strawberry

from chassis.api.context import Context, Info
from chassis.api.problems import UserError, answers
from chassis.api.rights import open_to_all, right
from identity.core.api.arguments import ExpectedVersion
from identity.core.api.ids import maybe_uuid, uuid
from identity.core.domain.ids import DepartmentId, ProviderId
from identity.people.api.types import Department, department_of
from identity.settings import IdentitySettings
from identity.sign_in.api.oidc.routes import PATH
from identity.sign_in.commands import provider as commands
from identity.sign_in.commands.provider import UNCHANGED, ProviderValues, Unchanged
from identity.sign_in.domain.provider import Admission, ClaimMapping, UsernameForm
from identity.sign_in.services.sign_in_service import SignInService
from identity.sign_in.store import provider as store
from identity.sign_in.store.provider import ProviderRow

T = TypeVar("T")

strawberry.enum(
    Admission,
    name="ProviderAdmission",
    description="LINKED: users who linked their account themselves. KNOWN: also users whose "
    "verified address in `domains` corresponds to a user name here; the account is linked at the "
    "first sign-in, except for users who may change the policy. EVERYBODY: a verified address in "
    "`domains` without a user here also creates a user.",
)
strawberry.enum(
    UsernameForm,
    name="ProviderUsernameForm",
    description="ADDRESS: the whole e-mail address is the user name. LOCAL_PART: the part before "
    "the @ is the user name.",
)


@strawberry.type(description="A way to sign in other than with a password.")
class SignInWay:
    """A sign-in provider as the sign-in page shows it."""

    name: str = strawberry.field(description="The name of the provider in URLs.")
    title: str = strawberry.field(description="The label of the sign-in button.")
    address: str = strawberry.field(
        description="Send the browser to this URL with `?challenge=…&returnTo=…`: challenge is "
        "the base64url SHA-256 of a random verifier that the frontend keeps, returnTo is a page "
        "of the frontend. The browser returns to that page with `#ticket=…` for `finishSignIn`."
    )


@strawberry.type(
    description="The claims of a provider that hold name, e-mail address and its verification."
)
class ProviderClaims:
    """The claim mapping of a provider."""

    display_name: str = strawberry.field(description="The claim that holds the display name.")
    email: str = strawberry.field(description="The claim that holds the e-mail address.")
    email_verified: str = strawberry.field(
        description="The claim that is `true` if the provider verified the address."
    )


@strawberry.type(description="An OpenID Connect provider through which users sign in.")
class SignInProvider:
    """A sign-in provider as administrators see it."""

    id: strawberry.ID = strawberry.field(description="The provider's id.")
    name: str = strawberry.field(description="The name of the provider in URLs.")
    title: str = strawberry.field(description="The label of the sign-in button.")
    issuer: str = strawberry.field(description="The issuer identifier, exactly as in its tokens.")
    client_id: str = strawberry.field(
        description="The client id of this installation at the provider."
    )
    has_secret: bool = strawberry.field(
        description="Whether a client secret is stored; it is never shown."
    )
    scopes: list[str] = strawberry.field(
        description="The scopes requested from the provider. With offline_access, the provider is "
        "asked from time to time whether a session is still valid."
    )
    claims: ProviderClaims = strawberry.field(
        description="The claims that hold name, e-mail address and its verification."
    )
    admission: Admission = strawberry.field(
        description="Which users may sign in through the provider."
    )
    domains: list[str] = strawberry.field(
        description="The e-mail domains whose verified addresses correspond to user names here."
    )
    username_form: UsernameForm = strawberry.field(
        description="Which part of the e-mail address is the user name."
    )
    roles: list[str] = strawberry.field(description="The roles of users that the provider creates.")
    trusts_second_factor: bool = strawberry.field(
        description="Whether a second factor at the provider is accepted here (`amr` claim)."
    )
    enabled: bool = strawberry.field(description="Whether users may sign in through the provider.")
    version: int = strawberry.field(
        description="The version of the provider, which grows with every change; pass it as "
        "`expectedVersion`."
    )
    created_at: datetime = strawberry.field(description="When the provider was created.")
    redirect_address: str = strawberry.field(
        description="The redirect URI to register at the provider."
    )
    sign_out_redirect_address: str = strawberry.field(
        description="The post-logout redirect URI to register at the provider."
    )
    backchannel_logout_address: str = strawberry.field(
        description="The back-channel logout URI to register at the provider."
    )
    department_id: strawberry.Private[DepartmentId | None] = None

    @strawberry.field(
        description="The department of users that the provider creates.",
        metadata=right("Department"),
    )
    async def department(self, info: Info) -> Department | None:
        """Return the department of users that the provider creates."""
        return await department_of(info, self.department_id)

    @classmethod
    def of(cls, row: ProviderRow, context: Context) -> SignInProvider:
        """Build the GraphQL type from a row."""
        base = _address(context, row.name)
        claims = row.claims
        return cls(
            id=strawberry.ID(str(row.id)),
            name=row.name,
            title=row.title,
            issuer=row.issuer,
            client_id=row.client_id,
            has_secret=row.has_secret,
            scopes=list(row.scopes),
            claims=ProviderClaims(
                display_name=claims.display_name,
                email=claims.email,
                email_verified=claims.email_verified,
            ),
            admission=row.admission,
            domains=list(row.domains),
            username_form=row.username_form,
            roles=list(row.roles),
            trusts_second_factor=row.trusts_second_factor,
            enabled=row.enabled,
            version=row.version,
            created_at=row.created_at,
            redirect_address=f"{base}/callback",
            sign_out_redirect_address=f"{base}/signed-out",
            backchannel_logout_address=f"{base}/backchannel-logout",
            department_id=row.department,
        )


@strawberry.input(
    description="The claims of a provider that hold name, e-mail address and its verification."
)
class ProviderClaimsInput:
    """The claim mapping of a provider as input."""

    display_name: str = strawberry.field(
        default="name", description="The claim that holds the display name."
    )
    email: str = strawberry.field(
        default="email", description="The claim that holds the e-mail address."
    )
    email_verified: str = strawberry.field(
        default="email_verified",
        description="The claim that is `true` if the provider verified the address.",
    )


@strawberry.input(
    description="The values of a sign-in provider. Fields left out stay unchanged, or take their "
    "defaults."
)
class SignInProviderInput:
    """The values of a provider as input."""

    title: str | None = strawberry.field(
        default=None, description="The label of the sign-in button, at most 100 characters."
    )
    issuer: str | None = strawberry.field(
        default=None, description="The issuer identifier, an https URL, exactly as in its tokens."
    )
    client_id: str | None = strawberry.field(
        default=None, description="The client id of this installation at the provider."
    )
    client_secret: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The client secret issued by the provider, stored sealed. Null: a public "
        "client that uses PKCE only.",
    )
    scopes: list[str] | None = strawberry.field(
        default=None,
        description="The scopes to request, at most 20; openid is always requested. Default: "
        "profile, email.",
    )
    claims: ProviderClaimsInput | None = strawberry.field(
        default=None, description="The claims that hold name, e-mail address and its verification."
    )
    admission: Admission | None = strawberry.field(
        default=None, description="Which users may sign in through the provider. Default: LINKED."
    )
    domains: list[str] | None = strawberry.field(
        default=None,
        description="The e-mail domains whose verified addresses correspond to user names here, "
        "at most 20; required unless LINKED.",
    )
    username_form: UsernameForm | None = strawberry.field(
        default=None,
        description="Which part of the e-mail address is the user name. Default: ADDRESS. "
        "LOCAL_PART requires exactly one domain.",
    )
    department_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET,
        description="The department of users that the provider creates; null: no department.",
    )
    roles: list[str] | None = strawberry.field(
        default=None,
        description="The roles of users that the provider creates; requires the right to update "
        "Role.",
    )
    trusts_second_factor: bool | None = strawberry.field(
        default=None,
        description="Whether a second factor at the provider is accepted here. Default: false.",
    )
    enabled: bool | None = strawberry.field(
        default=None,
        description="Whether users may sign in through the provider. Disabling it ends its "
        "sessions. Default: true.",
    )

    def values(self) -> ProviderValues:
        """Return the input as values of the command, UNCHANGED where left out."""
        department: DepartmentId | Unchanged | None = UNCHANGED
        if self.department_id is not strawberry.UNSET:
            department_uuid = maybe_uuid(self.department_id, "input.departmentId")
            department = DepartmentId(department_uuid) if department_uuid else None
        claims = self.claims
        return ProviderValues(
            title=_or_unchanged(self.title),
            issuer=_or_unchanged(self.issuer),
            client_id=_or_unchanged(self.client_id),
            client_secret=UNCHANGED
            if self.client_secret is strawberry.UNSET
            else self.client_secret,
            scopes=UNCHANGED if self.scopes is None else tuple(self.scopes),
            claims=UNCHANGED
            if claims is None
            else ClaimMapping(claims.display_name, claims.email, claims.email_verified),
            admission=_or_unchanged(self.admission),
            domains=UNCHANGED if self.domains is None else tuple(self.domains),
            username_form=_or_unchanged(self.username_form),
            department=department,
            roles=UNCHANGED if self.roles is None else tuple(self.roles),
            trusts_second_factor=_or_unchanged(self.trusts_second_factor),
            enabled=_or_unchanged(self.enabled),
        )


@strawberry.type(description="The provider after the change, or the errors.")
class SignInProviderPayload:
    """The result of a change of a provider."""

    provider: SignInProvider | None = strawberry.field(default=None, description="The provider.")
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="BAD_INPUT, CONFLICT, NOT_FOUND, FORBIDDEN."
    )


@strawberry.type
class ProviderQuery:
    """Queries of sign-in providers."""

    @strawberry.field(
        description="The enabled sign-in providers, for a sign-in page.",
        metadata=open_to_all(),
    )
    async def sign_in_ways(self, info: Info) -> list[SignInWay]:
        """Return the enabled providers."""
        rows = await info.context.read(store.list_enabled)
        return [
            SignInWay(name=row.name, title=row.title, address=_address(info.context, row.name))
            for row in rows
        ]

    @strawberry.field(
        description="All sign-in providers, by name.", metadata=right("SignInProvider")
    )
    async def sign_in_providers(self, info: Info) -> list[SignInProvider]:
        """Return all providers."""
        ctx = info.context
        rows = await ctx.read(store.list_all, ctx.scope("SignInProvider"))
        return [SignInProvider.of(row, ctx) for row in rows]


@strawberry.type
class ProviderMutation:
    """Mutations of sign-in providers."""

    @strawberry.mutation(
        description="Create a sign-in provider.",
        metadata=right("SignInProvider", "create"),
    )
    @answers(SignInProviderPayload)
    async def create_sign_in_provider(
        self,
        info: Info,
        name: Annotated[
            str,
            strawberry.argument(
                description="The name of the provider in URLs, which cannot change: 2 to 31 "
                "characters of a-z, 0-9 and -."
            ),
        ],
        input: Annotated[
            SignInProviderInput,
            strawberry.argument(
                description="The values of the provider; title, issuer and clientId are required."
            ),
        ],
    ) -> SignInProviderPayload:
        """Create a provider."""
        ctx, sign_in_service = info.context, info.context.resource(SignInService)
        id = await ctx.write(
            commands.create_provider,
            ctx.scope("SignInProvider", "create"),
            sign_in_service.seal,
            name,
            input.values(),
            insecure=sign_in_service.settings.allow_insecure_providers,
        )
        return await _payload(ctx, id)

    @strawberry.mutation(
        description="Change a sign-in provider. Disabling it, or changing its issuer or client "
        "id, ends its sessions.",
        metadata=right("SignInProvider", "update"),
    )
    @answers(SignInProviderPayload)
    async def update_sign_in_provider(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The provider's id.")],
        input: Annotated[
            SignInProviderInput, strawberry.argument(description="The values to change.")
        ],
        expected_version: ExpectedVersion = None,
    ) -> SignInProviderPayload:
        """Change a provider."""
        ctx, sign_in_service = info.context, info.context.resource(SignInService)
        provider_id = await ctx.write(
            commands.update_provider,
            ctx.scope("SignInProvider", "update"),
            sign_in_service.seal,
            ProviderId(uuid(id, "id")),
            input.values(),
            expected_version,
            insecure=sign_in_service.settings.allow_insecure_providers,
        )
        return await _payload(ctx, provider_id)


async def _payload(ctx: Context, id: ProviderId) -> SignInProviderPayload:
    row = await ctx.read(store.by_id, id)
    assert row is not None
    return SignInProviderPayload(provider=SignInProvider.of(row, ctx))


def _address(ctx: Context, name: str) -> str:
    return f"{ctx.resource(IdentitySettings).public_address}{PATH}/{quote(name, safe='')}"


def _or_unchanged(value: T | None) -> T | Unchanged:
    return UNCHANGED if value is None else value
