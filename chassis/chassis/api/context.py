"""What every resolver finds in `info.context`: who asks, what they may, and the two doors."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Concatenate, ParamSpec, TypeAlias, TypeVar

import strawberry
from sqlalchemy.orm import Session

from chassis.actor import Actor
from chassis.audit import events as audit
from chassis.db import Database
from chassis.errors import Denied, Unauthenticated
from chassis.policy.disclosures import Disclosures
from chassis.policy.guard import Guard
from chassis.policy.rules import Snapshot
from chassis.policy.scope import Permissions, Scope

P = ParamSpec("P")
T = TypeVar("T")


class Context:
    """One request. Its permissions are taken once, so one answer never mixes two policies."""

    def __init__(
        self,
        *,
        db: Database,
        guard: Guard,
        actor: Actor | None,
        locale: str = "en",
        client: str = "",
        device: str = "",
        runtime: Any = None,
        resources: Iterable[object] = (),
        policy_version: int | None = None,
    ) -> None:
        self.db = db
        self.guard = guard
        self.locale = locale
        self.client = client
        self.device = device
        self.runtime = runtime
        self._resources: dict[Any, Any] = {type(resource): resource for resource in resources}
        self._loaders: dict[Any, Any] = {}
        self.shown = Disclosures()
        self.used: set[tuple[str, str]] = set()
        self.refused: dict[tuple[str, str], Denied] = {}
        self._told: list[audit.Event] = []
        self._actor = actor
        self._permissions: Permissions | None = None
        self._version = policy_version

    def resource(self, kind: type[T]) -> T:
        """Get what the process made once for all requests, by its class.

        Raises `KeyError` where the service's composition root did not provide one.
        """
        resource: T = self._resources[kind]
        return resource

    def loaders_of(self, kind: Callable[[Context], T]) -> T:
        """Get this request's loaders of one capability, made at their first use."""
        if kind not in self._loaders:
            self._loaders[kind] = kind(self)
        loaders: T = self._loaders[kind]
        return loaders

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
            self._permissions = self.guard.permissions(self.actor, self._version)
            self._version = self._permissions.version
            givers = (giver.user_id for giver in self._permissions.givers)
            audit.decided_by(self._version, givers)
        return self._permissions

    @property
    def policy(self) -> Snapshot:
        """The policy of that version, for questions about other people than the one who asks."""
        _ = self.permissions
        return self.guard.snapshot_at(self._version)

    def scope(self, object: str, action: str = "read") -> Scope:
        """The proof for one kind of access. Raises `Denied`."""
        found = self.permissions.allow(self.actor, object, action, self.shown)
        self.used.add((object, action))
        return found

    def note_refusal(self, problem: Denied) -> None:
        """The policy said no; told once for each thing that was asked for."""
        object = problem.extra.get("object") or problem.extra.get("coordinate")
        action = problem.extra.get("action") or "read"
        self.refused.setdefault((str(object or "unknown"), str(action)), problem)

    def tell(self, action: str, object: str, resource: str = "", **details: Any) -> None:
        """What a query did that the ledger must know, beside the sensitive values it showed."""
        self._told.append(
            audit.event(audit.Entry(self.actor, action, object, resource, details=details))
        )

    def uses(self) -> set[tuple[str, str]]:
        """The rights this request used: those it was let in by, and the values it was shown."""
        shown = {(one, "read") for _, sight in self.shown for one in sight.clear | sight.masked}
        return self.used | shown

    def events(self) -> list[audit.Event]:
        """What the ledger must know of this request before it is answered."""
        if self._actor is None:
            return []
        told = self._told + [
            audit.event(
                audit.Entry(
                    self._actor,
                    "read",
                    object,
                    str(next(iter(sight.rows))) if len(sight.rows) == 1 else "",
                    details=sight.details(),
                )
            )
            for object, sight in self.shown
        ]
        for (object, action), problem in self.refused.items():
            coordinate = problem.extra.get("coordinate")
            details = {"coordinate": coordinate} if coordinate else None
            told.append(
                audit.event(
                    audit.Entry(self._actor, action, object, "", details=details, decision="deny")
                )
            )
        return told

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


Info: TypeAlias = strawberry.Info[Context, None]
"""What resolvers of every service are given."""
