"""The context of one request: the caller, their permissions, and reading and writing."""

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
    """One request.

    Its permissions are computed once, so one answer never mixes two policy versions.
    """

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
        self.disclosures = Disclosures()
        self._used_rights: set[tuple[str, str]] = set()
        self._refusals: dict[tuple[str, str], Denied] = {}
        self._recorded: list[audit.Event] = []
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
        """Return whether the request has a valid token."""
        return self._actor is not None

    @property
    def actor(self) -> Actor:
        """Return the caller. Raise `Unauthenticated` for a request without a token."""
        if self._actor is None:
            raise Unauthenticated(
                "The request has no access token; sign in and send `Authorization: Bearer …`.",
                "请先登录，并在请求头 Authorization 中携带访问令牌。",
            )
        return self._actor

    @property
    def permissions(self) -> Permissions:
        """Return what the caller may do, under one policy version for the whole request."""
        if self._permissions is None:
            self._permissions = self.guard.permissions(self.actor, self._version)
            self._version = self._permissions.version
            givers = (giver.user_id for giver in self._permissions.givers)
            audit.set_policy(self._version, givers)
        return self._permissions

    @property
    def policy(self) -> Snapshot:
        """Return the policy of that version, for questions about users other than the caller."""
        _ = self.permissions
        return self.guard.snapshot_at(self._version)

    def scope(self, object: str, action: str = "read") -> Scope:
        """Return the proof for one kind of access, and count the right as used. Raise `Denied`."""
        scope = self.permissions.allow(self.actor, object, action, self.disclosures)
        self.note_use(object, action)
        return scope

    def note_use(self, object: str, action: str) -> None:
        """Count a right as used by this request."""
        self._used_rights.add((object, action))

    def note_refusal(self, problem: Denied) -> None:
        """Note a refusal of the policy, to be recorded once for each object and action."""
        object = problem.extra.get("object") or problem.extra.get("coordinate")
        action = problem.extra.get("action") or "read"
        self._refusals.setdefault((str(object or "unknown"), str(action)), problem)

    def record_audit(self, action: str, object: str, resource: str = "", **details: Any) -> None:
        """Record an audit event of a query, beside that of the sensitive values it disclosed."""
        self._recorded.append(
            audit.event(audit.Entry(self.actor, action, object, resource, details=details))
        )

    def used_rights(self) -> set[tuple[str, str]]:
        """Return the rights this request used: its scopes, and the values it was shown."""
        shown = {
            (coordinate, "read")
            for _, disclosure in self.disclosures
            for coordinate in disclosure.clear | disclosure.masked
        }
        return self._used_rights | shown

    def audit_events(self) -> list[audit.Event]:
        """Return the audit events to store before the request is answered."""
        if self._actor is None:
            return []
        reads = [
            audit.Entry(
                self._actor,
                "read",
                object,
                str(next(iter(disclosure.rows))) if len(disclosure.rows) == 1 else "",
                details=disclosure.details(),
            )
            for object, disclosure in self.disclosures
        ]
        refusals = [
            audit.Entry(
                self._actor,
                action,
                object,
                "",
                details={"coordinate": coordinate} if coordinate else None,
                decision="deny",
            )
            for (object, action), problem in self._refusals.items()
            for coordinate in (problem.extra.get("coordinate"),)
        ]
        return self._recorded + [audit.event(entry) for entry in (*reads, *refusals)]

    def may(self, object: str, action: str = "read") -> bool:
        """Return whether the caller may do an action, to any row."""
        return self.permissions.may(object, action)

    async def read(
        self, query: Callable[Concatenate[Session, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a query in a read-only transaction of its own."""
        return await self.db.read(query, *args, **kwargs)

    async def write(
        self, command: Callable[Concatenate[Session, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a command as one transaction."""
        return await self.db.write(command, *args, **kwargs)


Info: TypeAlias = strawberry.Info[Context, None]
"""The type of `info` in the resolvers of every service."""
