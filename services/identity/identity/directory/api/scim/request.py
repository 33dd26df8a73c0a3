"""A SCIM request with its API key, what the policy permits it, and its access to the database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy.orm import Session
from starlette.requests import Request

from chassis.actor import Actor
from chassis.errors import Unauthenticated
from chassis.policy.scope import Permissions, Scope
from chassis.web import Runtime, locale_of
from identity.directory.commands import api_client as commands
from identity.directory.domain.api_client import ApiScope
from identity.directory.store import api_client as store
from identity.sign_in.services.sign_in_service import SignInService

P = ParamSpec("P")
T = TypeVar("T")

PATH = "/scim/v2"


@dataclass(frozen=True)
class ScimRequest:
    """What every handler works with."""

    request: Request
    runtime: Runtime
    sign_in_service: SignInService
    actor: Actor
    permissions: Permissions

    @property
    def base(self) -> str:
        """The base URL of this service as the directory knows it."""
        return str(self.request.base_url).rstrip("/") + PATH

    def scope(self, object: str, action: str) -> Scope:
        """Return the scope of one kind of access. Raises `Denied`."""
        return self.permissions.allow(self.actor, object, action)

    async def read(
        self, query: Callable[Concatenate[Session, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a query in a read transaction."""
        return await self.runtime.db.read(query, *args, **kwargs)

    async def write(
        self, command: Callable[Concatenate[Session, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a command in its own transaction."""
        return await self.runtime.db.write(command, *args, **kwargs)


async def authenticate(request: Request, sign_in_service: SignInService) -> ScimRequest:
    """Authenticate a request by its API key. Raises `Unauthenticated` or `Denied`."""
    runtime: Runtime = request.app.state.runtime
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated(
            "Send an API key with the scope SCIM as `Authorization: Bearer hck_…`.",
            "请在请求头 Authorization 中以 Bearer 携带范围含 SCIM 的 API 密钥。",
        )
    client = await runtime.db.read(commands.authenticate_key, key.strip(), ApiScope.SCIM)
    await runtime.db.write(store.record_use, client.id)
    actor = Actor(client.user, None, locale_of(request))
    return ScimRequest(request, runtime, sign_in_service, actor, runtime.guard.permissions(actor))
