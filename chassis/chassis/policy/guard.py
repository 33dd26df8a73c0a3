"""The guard of a process: it holds the policy in force and is the only maker of a `Scope`.

Without a fresh snapshot everything is refused.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from uuid import UUID

from chassis.actor import Actor
from chassis.errors import Unauthenticated, Unavailable
from chassis.policy.compiling import compile_rules
from chassis.policy.rules import Snapshot
from chassis.policy.scope import Permissions, Scope

_CACHED_USERS = 2048
STALE_AFTER_SECONDS = 10.0
# How long a replaced version still answers operations that were begun under it. With the half
# second between two polls for a new version, no answer is older than one second.
KEPT_SECONDS = 0.5

_Compiled = OrderedDict[UUID, Permissions]


class Guard:
    """The policy of a process: follows the published one through `feed`, answers from memory.

    An operation that several services answer names one version to all of them. So a service keeps
    the version before the present one for a moment, and answers whether it has a version yet.
    """

    def __init__(
        self,
        *,
        secret: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        calendar: Callable[[], float] = time.time,
    ) -> None:
        self._secret = secret
        self._calendar = calendar
        self._snapshot: Snapshot | None = None
        self._compiled: _Compiled = OrderedDict()
        self._previous: tuple[Snapshot, _Compiled, float] | None = None
        self._clock = clock
        self._confirmed = float("-inf")

    @property
    def version(self) -> int | None:
        """Return the version in force, or `None` before the first snapshot."""
        return self._snapshot.version if self._snapshot else None

    @property
    def snapshot(self) -> Snapshot | None:
        """Return the policy in force, for questions about users other than the caller."""
        return self._snapshot

    @property
    def ready(self) -> bool:
        """Return whether a policy is loaded and was confirmed as the present one recently."""
        return self._snapshot is not None and self._clock() - self._confirmed < STALE_AFTER_SECONDS

    def swap(self, snapshot: Snapshot) -> None:
        """Replace the policy as a whole."""
        if self._snapshot is not None and self._snapshot.version != snapshot.version:
            self._previous = self._snapshot, self._compiled, self._clock()
        self._snapshot, self._compiled = snapshot, OrderedDict()
        self.confirm()

    def confirm(self) -> None:
        """Note that the policy was compared with the published one just now, and is current."""
        self._confirmed = self._clock()

    def has(self, version: int) -> bool:
        """Return whether a version is in force, or was until a moment ago."""
        return self._at(version) is not None

    def snapshot_at(self, version: int | None) -> Snapshot:
        """Return the policy at a version (`None`: the present one). Raise `Unavailable`."""
        return self._require(version)[0]

    def refuse_ended_access(self, actor: Actor) -> None:
        """Raise `Unauthenticated` for a user whose access has ended, whatever their token says."""
        member = self._snapshot.users.get(actor.user_id) if self._snapshot else None
        if member is not None and not member.is_active_at(self._calendar()):
            raise Unauthenticated(
                "Your access has ended; ask an administrator to extend it.",
                "您的访问权限已到期或被停用，如需继续请联系管理员。",
            )

    def permissions(self, actor: Actor, version: int | None = None) -> Permissions:
        """Return a user's permissions at a version (`None`: the present one).

        Raise `Unavailable` while no fresh policy is loaded, and for a version that is over.
        """
        snapshot, compiled = self._require(version)
        permissions, now = compiled.get(actor.user_id), self._calendar()
        if permissions is None or permissions.until <= now:
            permissions = compile_rules(snapshot, actor.user_id, self._secret, now=now)
            compiled[actor.user_id] = permissions
            if len(compiled) > _CACHED_USERS:
                compiled.popitem(last=False)
        return permissions

    def allow(self, actor: Actor, object: str, action: str) -> Scope:
        """Return the proof for one action. Raise `Denied` or `Unavailable`."""
        return self.permissions(actor).allow(actor, object, action)

    def _require(self, version: int | None) -> tuple[Snapshot, _Compiled]:
        if self._snapshot is None or not self.ready:
            raise Unavailable(
                "This service has no current access policy, so it answers no request; try again "
                "in a moment.",
                "服务尚未取得最新权限策略，暂不提供数据，请稍后再试。",
            )
        policy = self._at(version)
        if policy is None:
            raise Unavailable(
                "The access policy changed while the request was being answered; try again.",
                "处理期间权限策略已更新，请重试。",
            )
        return policy

    def _at(self, version: int | None) -> tuple[Snapshot, _Compiled] | None:
        if self._snapshot is not None and version in (None, self._snapshot.version):
            return self._snapshot, self._compiled
        if self._previous is not None and self._previous[0].version == version:
            snapshot, compiled, since = self._previous
            if self._clock() - since < KEPT_SECONDS:
                return snapshot, compiled
        return None
