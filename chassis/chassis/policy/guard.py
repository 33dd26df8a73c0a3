"""The only maker of a Scope. Rules are compiled once per person and policy version into a table;
a decision is then one dictionary lookup, where asking Casbin is a scan of all rules.

Deny wins, unknown is no, and without a fresh snapshot everything is refused.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cached_property
from uuid import UUID

from sqlalchemy import ColumnElement, false, or_, true

from chassis.actor import Actor
from chassis.errors import Denied, Unauthenticated, Unavailable
from chassis.policy.disclosures import Disclosures
from chassis.policy.masks import (
    HIDDEN as HIDDEN,
    Protected as Protected,
    Visibility as Visibility,
    fingerprints,
    redact as redact,
)
from chassis.policy.row_scopes import (
    RowAccess as RowAccess,
    RowColumns as RowColumns,
    Stand,
    next_change,
    others_places,
    own_place,
)
from chassis.policy.rules import ANY, DENY, FOR_EVER, REDACTIONS, Rule, Snapshot

_REMEMBERED = 2048
STALE_AFTER_SECONDS = 10.0
# How long a replaced version still answers what was begun under it. With the half second that a look
# for a new version may take, nothing is answered by an old one for longer than a second.
KEPT_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Grant:
    """Rows that a permission reaches from where somebody stands, how open a value is there, and the
    rule that says so."""

    rows: frozenset[str]
    redaction: str
    rule: Rule
    stand: Stand = field(repr=False)

    @property
    def everywhere(self) -> bool:
        """Whether it reaches every row."""
        return "all" in self.rows and self.stand.only is None

    def reaches(self, row: RowAccess) -> bool:
        return self.stand.reaches(self.rows, row)


@dataclass(frozen=True)
class Permissions:
    """All that one person may do under one policy version. A request keeps one of these from its
    first question to its last, so no answer mixes two versions."""

    user_id: UUID
    version: int
    stand: Stand = field(repr=False)
    table: Mapping[tuple[str, str], tuple[Grant, ...]]
    _everywhere: Mapping[tuple[str, str], tuple[Grant, ...]] = field(repr=False)
    _denied: frozenset[tuple[str, str]] = field(repr=False)
    secret: str | None = field(default=None, repr=False)
    """What the mask `hash` is keyed with; without one it shows nothing."""
    givers: tuple[Permissions, ...] = ()
    """What those may do for whom this person stands in just now."""
    delegable: frozenset[str] = frozenset()
    until: float = FOR_EVER
    """The next moment at which something of this begins or ends."""
    _decided: dict[tuple[str, str], tuple[Grant, ...]] = field(default_factory=dict, repr=False)

    def grants(self, object: str, action: str) -> tuple[Grant, ...]:
        """What the rules give for this object and action; empty means no. Remembered: a page asks for
        the same few again and again."""
        found = self._decided.get((object, action))
        if found is None:
            found = self._decided[object, action] = self._given(object, action)
        return found

    def _given(self, object: str, action: str) -> tuple[Grant, ...]:
        if self.denials(object, action):
            return ()
        found = self.table.get((object, action))
        if found is None:
            found = (
                self._everywhere.get((ANY, action), ())
                + self._everywhere.get((object, ANY), ())
                + (self._everywhere.get((ANY, ANY), ()))
            )
        if self.givers and object in self.delegable:
            for giver in self.givers:
                found += giver.grants(object, action)
        return found

    def denials(self, object: str, action: str) -> tuple[tuple[str, str], ...]:
        """The denied objects and actions that this is one of."""
        asked = ((object, action), (ANY, action), (object, ANY), (ANY, ANY))
        return tuple(one for one in asked if one in self._denied)

    def allow(
        self, actor: Actor, object: str, action: str, shown: Disclosures | None = None
    ) -> Scope:
        """The proof that this may be done, and to which rows. Raises `Denied`. What its redactors
        show is noted in `shown`."""
        grants = self.grants(object, action)
        if not grants:
            raise Denied(
                f"The policy does not permit you to {action} {object}.",
                f"当前权限策略不允许您对 {object} 执行 {action} 操作。",
                coordinate=object,
                action=action,
            )
        return Scope(actor, object, action, grants, self, shown)

    def may(self, object: str, action: str) -> bool:
        return bool(self.grants(object, action))


@dataclass(frozen=True)
class Scope:
    """The proof that somebody may do something to certain rows. A store takes it as an argument:
    no scope, no rows."""

    actor: Actor
    object: str
    action: str
    grants: tuple[Grant, ...] = field(repr=False)
    permissions: Permissions = field(repr=False)
    shown: Disclosures | None = field(default=None, repr=False, compare=False)

    @property
    def version(self) -> int:
        """The policy version that decided."""
        return self.permissions.version

    @property
    def rows(self) -> frozenset[str]:
        """The row scopes that somebody has here, from wherever they stand."""
        return frozenset[str]().union(*(grant.rows for grant in self.grants))

    @cached_property
    def everything(self) -> bool:
        return any(grant.everywhere for grant in self.grants)

    @cached_property
    def _places(self) -> Mapping[Stand, frozenset[str]]:
        """The row scopes of each place they stand in, their own first."""
        found: dict[Stand, frozenset[str]] = {}
        for grant in self.grants:
            found[grant.stand] = found.get(grant.stand, frozenset()) | grant.rows
        return found

    def where(self, columns: RowColumns) -> ColumnElement[bool]:
        """The rows this scope reaches, as one SQL condition."""
        if self.everything:
            return true()
        return or_(false(), *(stand.where(rows, columns) for stand, rows in self._places.items()))

    def sees(self, row: RowAccess) -> bool:
        """The verdict of `where` for a row in memory."""
        return any(stand.reaches(rows, row) for stand, rows in self._places.items())

    @cached_property
    def people(self) -> frozenset[UUID]:
        """In whose name they act here: their own, and that of whoever lent them everything."""
        lent = {stand.user_id for stand in self._places if stand.only is None}
        return frozenset({self.actor.user_id, *lent})

    def at(self, row: RowAccess) -> Scope:
        """The same proof for one row: where only somebody else's place reaches it, the actor says
        for whom they act."""
        for stand, rows in self._places.items():
            if stand.reaches(rows, row):
                giver = None if stand.user_id == self.actor.user_id else stand.user_id
                return replace(self, actor=replace(self.actor, on_behalf_of=giver))
        return self

    def within(self, other: Scope) -> bool:
        """Whether the other one reaches every row that this one does, whatever the rows are."""
        if other.everything:
            return True
        places = other._places
        return all(rows <= places.get(stand, frozenset()) for stand, rows in self._places.items())

    def clear_in(self, coordinate: str) -> Scope:
        """The rows of which this reader sees a sensitive field in clear. What filters, sorts, groups
        or searches by the field may look at no others, or the answer would tell the value."""
        grants = self.permissions.grants(coordinate, "read")
        return replace(self, grants=tuple(g for g in grants if g.redaction == "clear"))

    def redaction(self, coordinate: str) -> Callable[[RowAccess], str]:
        """What a sensitive field is shown under to this reader; made once per operation."""
        grants = by_openness(self.permissions.grants(coordinate, "read"))
        if grants and grants[0].everywhere:
            everywhere = grants[0].redaction
            return lambda row: everywhere

        def found(row: RowAccess) -> str:
            for grant in grants:
                if grant.reaches(row):
                    return grant.redaction
            return "hidden"

        return found

    def redactor(self, coordinate: str) -> Callable[[RowAccess, str | None], Protected]:
        """How a sensitive field is shown to this reader; made once per operation."""
        redaction, shown, object = self.redaction(coordinate), self.shown, self.object
        secret = self.permissions.secret
        keyed = fingerprints(secret, coordinate) if secret else None
        if shown is None:
            return lambda row, text: redact(redaction(row), text, keyed)

        def noted(row: RowAccess, text: str | None) -> Protected:
            value = redact(redaction(row), text, keyed)
            if text and value.visibility is not Visibility.HIDDEN:
                clear = value.visibility is Visibility.CLEAR
                shown.note(object, coordinate, row.id, clear=clear)
            return value

        return noted

    def may(self, object: str, action: str = "read") -> bool:
        """Whether the same person may do something else too."""
        return self.permissions.may(object, action)


def by_openness(grants: Sequence[Grant]) -> list[Grant]:
    """The order in which a sensitive value asks them: the first that reaches its row counts."""
    return sorted(grants, key=lambda grant: REDACTIONS.index(grant.redaction))


def compile_rules(
    snapshot: Snapshot,
    user: UUID,
    secret: str | None = None,
    *,
    now: float | None = None,
    alone: bool = False,
) -> Permissions:
    """The table of one person at one moment: every rule that speaks of them, by object and action,
    and beside it (unless `alone`) the tables of those for whom they stand in."""
    now = time.time() if now is None else now
    stand = own_place(snapshot, user, now)
    others = [] if alone else others_places(snapshot, user, now)
    givers = [_table(snapshot, place, denied_as) for place, denied_as in others]
    return replace(
        _table(snapshot, stand, stand.names.keys()),
        givers=tuple(givers),
        delegable=snapshot.delegable,
        secret=secret,
        until=min(
            stand.until,
            *(giver.until for giver in givers),
            FOR_EVER if alone else next_change(snapshot, user, now),
        ),
    )


def _table(snapshot: Snapshot, stand: Stand, denied_as: Set[str]) -> Permissions:
    denied = frozenset(
        (rule.object, rule.action)
        for rule in snapshot.rules
        if rule.effect == DENY and rule.subject in denied_as
    )
    allowed = [r for r in snapshot.rules if r.effect != DENY and r.subject in stand.names]
    wild = [rule for rule in allowed if ANY in (rule.object, rule.action)]
    table: dict[tuple[str, str], tuple[Grant, ...]] = {}
    for rule in allowed:
        if ANY not in (rule.object, rule.action):
            key = (rule.object, rule.action)
            table[key] = (*table.get(key, ()), _grant(rule, stand))
    for object, action in table:
        table[object, action] += tuple(
            _grant(rule, stand)
            for rule in wild
            if rule.object in (ANY, object) and rule.action in (ANY, action)
        )
    everywhere: dict[tuple[str, str], tuple[Grant, ...]] = {}
    for rule in wild:
        key = (rule.object, rule.action)
        everywhere[key] = (*everywhere.get(key, ()), _grant(rule, stand))
    return Permissions(
        user_id=stand.user_id,
        version=snapshot.version,
        stand=stand,
        table=table,
        _everywhere=everywhere,
        _denied=denied,
        until=stand.until,
    )


def _grant(rule: Rule, stand: Stand) -> Grant:
    return Grant(frozenset(rule.rows.split("+")), rule.redaction, rule, stand)


_Compiled = OrderedDict[UUID, Permissions]


class Guard:
    """One a process. It follows the published policy through `feed` and answers from memory.

    An operation that several services answer names one version to all of them. So a service keeps
    the version before the present one for a moment, and may be asked whether it has one yet.
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
        self._before: tuple[Snapshot, _Compiled, float] | None = None
        self._clock = clock
        self._confirmed = float("-inf")

    @property
    def version(self) -> int | None:
        return self._snapshot.version if self._snapshot else None

    @property
    def snapshot(self) -> Snapshot | None:
        """The policy in force, for questions about other people than the one who asks."""
        return self._snapshot

    @property
    def ready(self) -> bool:
        """Whether a policy is known and was confirmed to be the present one a moment ago."""
        return self._snapshot is not None and self._clock() - self._confirmed < STALE_AFTER_SECONDS

    def swap(self, snapshot: Snapshot) -> None:
        """Takes a new policy, whole."""
        if self._snapshot is not None and self._snapshot.version != snapshot.version:
            self._before = self._snapshot, self._compiled, self._clock()
        self._snapshot, self._compiled = snapshot, OrderedDict()
        self.confirm()

    def confirm(self) -> None:
        """The publisher was asked a moment ago and has nothing newer."""
        self._confirmed = self._clock()

    def has(self, version: int) -> bool:
        """Whether this version is in force, or was until a moment ago."""
        return self._of(version) is not None

    def snapshot_at(self, version: int | None) -> Snapshot:
        """The whole policy at one version, the present one if none is named. Raises `Unavailable`."""
        return self._found(version)[0]

    def refuse_gone(self, actor: Actor) -> None:
        """Raise `Unauthenticated` for somebody whose access is over, whatever their token says."""
        member = self._snapshot.users.get(actor.user_id) if self._snapshot else None
        if member is not None and not member.works_at(self._calendar()):
            raise Unauthenticated(
                "Your access has ended; ask an administrator if it should go on.",
                "您的访问权限已到期或被停用，如需继续请联系管理员。",
            )

    def permissions(self, actor: Actor, version: int | None = None) -> Permissions:
        """What this person may do, now or under the version that was named. Raises `Unavailable`
        while no fresh policy is known, and for a version that is over."""
        snapshot, compiled = self._found(version)
        found, now = compiled.get(actor.user_id), self._calendar()
        if found is None or found.until <= now:
            found = compile_rules(snapshot, actor.user_id, self._secret, now=now)
            compiled[actor.user_id] = found
            if len(compiled) > _REMEMBERED:
                compiled.popitem(last=False)
        return found

    def _found(self, version: int | None) -> tuple[Snapshot, _Compiled]:
        if self._snapshot is None or not self.ready:
            raise Unavailable(
                "No current access policy is known to this service, so it answers nothing yet.",
                "服务尚未取得最新权限策略，暂不提供数据。",
            )
        found = self._of(version)
        if found is None:
            raise Unavailable(
                "The access policy changed while this was being answered; ask again.",
                "处理期间权限策略已更新，请重试。",
            )
        return found

    def _of(self, version: int | None) -> tuple[Snapshot, _Compiled] | None:
        if self._snapshot is not None and version in (None, self._snapshot.version):
            return self._snapshot, self._compiled
        if self._before is not None and self._before[0].version == version:
            snapshot, compiled, since = self._before
            if self._clock() - since < KEPT_SECONDS:
                return snapshot, compiled
        return None

    def allow(self, actor: Actor, object: str, action: str) -> Scope:
        """One decision. Raises `Denied`."""
        return self.permissions(actor).allow(actor, object, action)
