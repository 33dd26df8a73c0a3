"""What every resolver finds in `info.context`: who asks, what they may, and the two doors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from sqlalchemy.orm import Session

from chassis.actor import Actor
from chassis.db import Database
from chassis.errors import Unauthenticated
from chassis.policy.guard import Guard, Permissions, Scope

P = ParamSpec("P")
T = TypeVar("T")
L = TypeVar("L")


class Context(Generic[L]):
    """One request. Its permissions are taken once, so one answer never mixes two policies."""

    def __init__(
        self,
        *,
        db: Database,
        guard: Guard,
        actor: Actor | None,
        locale: str = "en",
        client: str = "",
        runtime: Any = None,
    ) -> None:
        self.db = db
        self.guard = guard
        self.locale = locale
        self.client = client
        self.runtime = runtime
        self.loaders: L
        self._actor = actor
        self._permissions: Permissions | None = None

    @property
    def signed_in(self) -> bool:
        return self._actor is not None

    @property
    def actor(self) -> Actor:
        """Who asks. Raises `Unauthenticated` where nobody does."""
        if self._actor is None:
            raise Unauthenticated(
                "Sign in first: send the access token as `Authorization: Bearer …`.",
                "请先登录，并在请求头 Authorization 中携带访问令牌。",
            )
        return self._actor

    @property
    def permissions(self) -> Permissions:
        """What they may do, under one policy version for the whole request."""
        if self._permissions is None:
            self._permissions = self.guard.permissions(self.actor)
        return self._permissions

    def scope(self, object: str, action: str = "read") -> Scope:
        """The proof for one kind of access. Raises `Denied`."""
        return self.permissions.allow(self.actor, object, action)

    def may(self, object: str, action: str = "read") -> bool:
        return self.permissions.may(object, action)

    async def read(
        self, query: Callable[Concatenate[Session, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return await self.db.read(query, *args, **kwargs)

    async def write(
        self, command: Callable[Concatenate[Session, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return await self.db.write(command, *args, **kwargs)
