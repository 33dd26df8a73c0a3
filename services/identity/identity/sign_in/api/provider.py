"""Sign-in providers: which there are for everybody, and what they are for administrators."""

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
from identity.sign_in.services.office import Office
from identity.sign_in.store import provider as store
from identity.sign_in.store.provider import ProviderRow

T = TypeVar("T")

strawberry.enum(
    Admission,
    name="ProviderAdmission",
    description="LINKED: who tied their account themselves. KNOWN: also who has a verified address "
    "in `domains` that means a user name here; it is tied at the first sign-in, except for those "
    "who may change the policy. EVERYBODY: who has such an address and is nobody here yet becomes "
    "a user.",
)
strawberry.enum(
    UsernameForm,
    name="ProviderUsernameForm",
    description="ADDRESS: the whole address is the user name. LOCAL_PART: what stands before the @.",
)


@strawberry.type(description="A way to sign in beside a password.")
class SignInWay:
    name: str = strawberry.field(description="Its name in addresses.")
    title: str = strawberry.field(description="What stands on the button.")
    address: str = strawberry.field(
        description="Send the browser here with `?challenge=…&returnTo=…`: challenge is the "
        "base64url SHA-256 of a random text that you keep, returnTo a page of yours. It comes back "
        "there with `#ticket=…` for `finishSignIn`."
    )


@strawberry.type(description="In which claims a provider says what.")
class ProviderClaims:
    display_name: str = strawberry.field(description="The claim that is the name people read.")
    email: str = strawberry.field(description="The claim that is the e-mail address.")
    email_verified: str = strawberry.field(
        description="The claim that is `true` where the provider verified the address."
    )


@strawberry.type(description="Somebody else who may say who people are, by OpenID Connect.")
class SignInProvider:
    id: strawberry.ID = strawberry.field(description="The provider's id.")
    name: str = strawberry.field(description="Its name in addresses.")
    title: str = strawberry.field(description="What stands on the button.")
    issuer: str = strawberry.field(description="Its issuer, as its tokens say it.")
    client_id: str = strawberry.field(description="By what name it knows us.")
    has_secret: bool = strawberry.field(
        description="Whether we have a client secret; it is never shown."
    )
    scopes: list[str] = strawberry.field(
        description="What is asked of it; with offline_access it is asked now and then whether a "
        "session goes on."
    )
    claims: ProviderClaims = strawberry.field(description="In which claims it says what.")
    admission: Admission = strawberry.field(description="Who may come in by it.")
    domains: list[str] = strawberry.field(
        description="The e-mail domains whose verified addresses mean user names here."
    )
    username_form: UsernameForm = strawberry.field(
        description="Which part of an address is the user name."
    )
    roles: list[str] = strawberry.field(description="The roles of users that it makes.")
    trusts_second_factor: bool = strawberry.field(
        description="Whether its word is enough that two factors were shown (`amr`)."
    )
    enabled: bool = strawberry.field(description="Whether people may sign in by it.")
    version: int = strawberry.field(description="Grows with every change; give it back on writes.")
    created_at: datetime = strawberry.field(description="When it was set up.")
    redirect_address: str = strawberry.field(
        description="To be registered there as the redirect URI."
    )
    sign_out_redirect_address: str = strawberry.field(
        description="To be registered there as the post-logout redirect URI."
    )
    backchannel_logout_address: str = strawberry.field(
        description="To be registered there as the back-channel logout URI."
    )
    department_id: strawberry.Private[DepartmentId | None] = None

    @strawberry.field(description="Where users that it makes work.", metadata=right("Department"))
    async def department(self, info: Info) -> Department | None:
        return await department_of(info, self.department_id)

    @classmethod
    def of(cls, row: ProviderRow, context: Context) -> SignInProvider:
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


@strawberry.input(description="In which claims a provider says what.")
class ProviderClaimsInput:
    display_name: str = strawberry.field(default="name", description="The name people read.")
    email: str = strawberry.field(default="email", description="The e-mail address.")
    email_verified: str = strawberry.field(
        default="email_verified", description="`true` where the provider verified the address."
    )


@strawberry.input(description="What a provider is to be; what is left out stays, or is a default.")
class SignInProviderInput:
    title: str | None = strawberry.field(
        default=None, description="What stands on the button, at most 100 characters."
    )
    issuer: str | None = strawberry.field(
        default=None, description="Its issuer, an https address, letter by letter as it says it."
    )
    client_id: str | None = strawberry.field(default=None, description="By what name it knows us.")
    client_secret: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The secret it gave us; kept sealed. Null: a public client, by PKCE alone.",
    )
    scopes: list[str] | None = strawberry.field(
        default=None, description="At most 20; openid is always asked. Default: profile, email."
    )
    claims: ProviderClaimsInput | None = strawberry.field(
        default=None, description="In which claims it says what."
    )
    admission: Admission | None = strawberry.field(
        default=None, description="Who may come in. Default: LINKED."
    )
    domains: list[str] | None = strawberry.field(
        default=None, description="E-mail domains, at most 20; needed unless LINKED."
    )
    username_form: UsernameForm | None = strawberry.field(
        default=None, description="Default: ADDRESS. LOCAL_PART needs exactly one domain."
    )
    department_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Where users that it makes work; null: nowhere."
    )
    roles: list[str] | None = strawberry.field(
        default=None,
        description="Roles of users that it makes; needs the right to update Role.",
    )
    trusts_second_factor: bool | None = strawberry.field(
        default=None,
        description="Whether its word is enough that two factors were shown. Default: no.",
    )
    enabled: bool | None = strawberry.field(
        default=None,
        description="Whether people may sign in by it. Switched off, it ends its sessions.",
    )

    def wanted(self) -> ProviderValues:
        department: DepartmentId | Unchanged | None = UNCHANGED
        if self.department_id is not strawberry.UNSET:
            found = maybe_uuid(self.department_id, "input.departmentId")
            department = DepartmentId(found) if found else None
        claims = self.claims
        return ProviderValues(
            title=_said(self.title),
            issuer=_said(self.issuer),
            client_id=_said(self.client_id),
            client_secret=UNCHANGED
            if self.client_secret is strawberry.UNSET
            else self.client_secret,
            scopes=UNCHANGED if self.scopes is None else tuple(self.scopes),
            claims=UNCHANGED
            if claims is None
            else ClaimMapping(claims.display_name, claims.email, claims.email_verified),
            admission=_said(self.admission),
            domains=UNCHANGED if self.domains is None else tuple(self.domains),
            username_form=_said(self.username_form),
            department=department,
            roles=UNCHANGED if self.roles is None else tuple(self.roles),
            trusts_second_factor=_said(self.trusts_second_factor),
            enabled=_said(self.enabled),
        )


@strawberry.type(description="The provider as it is now, or why nothing changed.")
class SignInProviderPayload:
    provider: SignInProvider | None = strawberry.field(default=None, description="The provider.")
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="BAD_INPUT, CONFLICT, NOT_FOUND, FORBIDDEN."
    )


@strawberry.type
class ProviderQuery:
    @strawberry.field(
        description="The ways to sign in beside a password, for a sign-in page.",
        metadata=open_to_all(),
    )
    async def sign_in_ways(self, info: Info) -> list[SignInWay]:
        found = await info.context.read(store.list_enabled)
        return [
            SignInWay(name=one.name, title=one.title, address=_address(info.context, one.name))
            for one in found
        ]

    @strawberry.field(
        description="All sign-in providers, by name.", metadata=right("SignInProvider")
    )
    async def sign_in_providers(self, info: Info) -> list[SignInProvider]:
        ctx = info.context
        found = await ctx.read(store.list_all, ctx.scope("SignInProvider"))
        return [SignInProvider.of(one, ctx) for one in found]


@strawberry.type
class ProviderMutation:
    @strawberry.mutation(
        description="Let a provider say who somebody is.",
        metadata=right("SignInProvider", "create"),
    )
    @answers(SignInProviderPayload)
    async def create_sign_in_provider(
        self,
        info: Info,
        name: Annotated[
            str,
            strawberry.argument(
                description="Its name in addresses, for ever: 2 to 31 of a-z, 0-9 and -."
            ),
        ],
        input: Annotated[
            SignInProviderInput,
            strawberry.argument(description="What it is to be: at least title, issuer, clientId."),
        ],
    ) -> SignInProviderPayload:
        ctx, office = info.context, info.context.resource(Office)
        id = await ctx.write(
            commands.create_provider,
            ctx.scope("SignInProvider", "create"),
            office.seal,
            name,
            input.wanted(),
            insecure=office.settings.allow_insecure_providers,
        )
        return await _answer(ctx, id)

    @strawberry.mutation(
        description="Change a provider. Switched off or pointed elsewhere, it ends its sessions.",
        metadata=right("SignInProvider", "update"),
    )
    @answers(SignInProviderPayload)
    async def update_sign_in_provider(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The provider's id.")],
        input: Annotated[SignInProviderInput, strawberry.argument(description="What changes.")],
        expected_version: ExpectedVersion = None,
    ) -> SignInProviderPayload:
        ctx, office = info.context, info.context.resource(Office)
        found = await ctx.write(
            commands.update_provider,
            ctx.scope("SignInProvider", "update"),
            office.seal,
            ProviderId(uuid(id, "id")),
            input.wanted(),
            expected_version,
            insecure=office.settings.allow_insecure_providers,
        )
        return await _answer(ctx, found)


async def _answer(ctx: Context, id: ProviderId) -> SignInProviderPayload:
    found = await ctx.read(store.by_id, id)
    assert found is not None
    return SignInProviderPayload(provider=SignInProvider.of(found, ctx))


def _address(ctx: Context, name: str) -> str:
    return f"{ctx.resource(IdentitySettings).public_address}{PATH}/{quote(name, safe='')}"


def _said(value: T | None) -> T | Unchanged:
    return UNCHANGED if value is None else value
