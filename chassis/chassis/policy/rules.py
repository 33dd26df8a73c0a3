"""A policy at one version: its rules, and the roles, departments and delegations of users."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson

ALLOW = "allow"
DENY = "deny"
ANY = "*"

ROWS = (
    "own",
    "collaborating",
    "department",
    "subtree",
    "project",
    "emergency",
    "pool",
    "all",
)
"""Row scopes. Several are joined by "+": `own+collaborating`."""

FOR_EVER = math.inf
"""The end of what has no end. Moments are seconds since the epoch, as in `time.time()`."""

# From the most to the least open: where several rules apply to a row, the most open one counts.
REDACTIONS = (
    "clear",
    "mask:first3last4",
    "mask:domain",
    "mask:first1",
    "mask:hash",
    "mask:full",
    "hidden",
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the policy. `object` is a schema coordinate (`Invoice`, `Invoice.amount`)."""

    subject: str
    object: str
    action: str
    rows: str = "all"
    redaction: str = "clear"
    effect: str = ALLOW


@dataclass(frozen=True, slots=True)
class Member:
    """What the policy knows of a user."""

    department: UUID | None
    roles: tuple[str, ...]
    active: bool = True
    until: float = FOR_EVER
    projects: tuple[tuple[UUID, float], ...] = ()
    """The projects of the user, each with the moment at which the membership ends."""

    def is_active_at(self, now: float) -> bool:
        """Return whether the user has any right at a moment."""
        return self.active and now < self.until


@dataclass(frozen=True, slots=True)
class Delegation:
    """A user (`taker`) acts for another one (`giver`) for a limited time.

    With `roles`, only by what these roles of the giver permit; with `only`, only on these rows.
    """

    giver: UUID
    taker: UUID
    since: float
    until: float
    roles: tuple[str, ...] | None = None
    only: frozenset[UUID] | None = None


@dataclass(frozen=True, slots=True)
class Emergency:
    """Emergency access of a user to one row for a short time, which is reviewed afterwards."""

    user: UUID
    row: UUID
    until: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole policy at one version; replaced as a whole, never edited."""

    version: int
    rules: tuple[Rule, ...]
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    users: Mapping[UUID, Member] = field(default_factory=dict)
    departments: Mapping[UUID, UUID | None] = field(default_factory=dict)
    delegations: tuple[Delegation, ...] = ()
    emergencies: tuple[Emergency, ...] = ()
    delegable: frozenset[str] = frozenset()
    """The objects on which a user may act for another one by delegation."""

    def to_json(self) -> bytes:
        """Return the snapshot as JSON."""
        return orjson.dumps(
            {
                "version": self.version,
                "rules": [
                    [rule.subject, rule.object, rule.action, rule.rows, rule.redaction, rule.effect]
                    for rule in self.rules
                ],
                "roles": {role: list(inherited) for role, inherited in self.roles.items()},
                "users": {
                    str(id): [
                        str(member.department) if member.department else None,
                        list(member.roles),
                        member.active,
                        _end(member.until),
                        [[str(project), _end(until)] for project, until in member.projects],
                    ]
                    for id, member in self.users.items()
                },
                "departments": {
                    str(id): str(parent) if parent else None
                    for id, parent in self.departments.items()
                },
                "delegations": [
                    [
                        str(delegation.giver),
                        str(delegation.taker),
                        delegation.since,
                        _end(delegation.until),
                        None if delegation.roles is None else list(delegation.roles),
                        None if delegation.only is None else sorted(map(str, delegation.only)),
                    ]
                    for delegation in self.delegations
                ],
                "emergencies": [
                    [str(emergency.user), str(emergency.row), _end(emergency.until)]
                    for emergency in self.emergencies
                ],
                "delegable": sorted(self.delegable),
            }
        )

    @staticmethod
    def from_json(raw: bytes) -> Snapshot:
        """Return the snapshot of its JSON. Raise `ValueError` or `TypeError` for other JSON."""
        body: dict[str, Any] = orjson.loads(raw)
        departments = {id: UUID(id) for id in body["departments"]}
        return Snapshot(
            version=int(body["version"]),
            rules=tuple(Rule(*line) for line in body["rules"]),
            roles={role: tuple(inherited) for role, inherited in body["roles"].items()},
            users=_LazyMembers(body["users"], departments),
            departments={
                departments[id]: departments[parent] if parent else None
                for id, parent in body["departments"].items()
            },
            delegations=tuple(_delegation(*values) for values in body.get("delegations", ())),
            emergencies=tuple(
                Emergency(UUID(user), UUID(row), _until(until))
                for user, row, until in body.get("emergencies", ())
            ),
            delegable=frozenset(body.get("delegable", ())),
        )


class _LazyMembers(Mapping[UUID, Member]):
    """Users in JSON, converted when they are read.

    Of 5,000 users a process reads few in the life of a version, and converting all of them took
    most of the time a new version needed.
    """

    __slots__ = ("_departments", "_json")

    def __init__(self, json: Mapping[str, list[Any]], departments: Mapping[str, UUID]) -> None:
        self._json, self._departments = json, departments

    def __getitem__(self, id: UUID) -> Member:
        return self._member(*self._json[str(id)])

    def _member(
        self,
        department: str | None,
        roles: Sequence[str],
        active: bool,
        until: float | None = None,
        projects: Sequence[Any] = (),
    ) -> Member:
        return Member(
            self._departments[department] if department else None,
            tuple(roles),
            active,
            _until(until),
            tuple((UUID(project), _until(end)) for project, end in projects),
        )

    def __iter__(self) -> Iterator[UUID]:
        return map(UUID, self._json)

    def __len__(self) -> int:
        return len(self._json)


def _delegation(
    giver: str,
    taker: str,
    since: float,
    until: float | None,
    roles: Sequence[str] | None,
    only: Sequence[str] | None,
) -> Delegation:
    return Delegation(
        UUID(giver),
        UUID(taker),
        since,
        _until(until),
        None if roles is None else tuple(roles),
        None if only is None else frozenset(map(UUID, only)),
    )


def _end(until: float) -> float | None:
    return None if until == FOR_EVER else until


def _until(end: float | None) -> float:
    return FOR_EVER if end is None else end


def subjects(
    snapshot: Snapshot,
    user: UUID,
    *,
    now: float | None = None,
    roles: Collection[str] | None = None,
) -> Mapping[str, tuple[str, ...]]:
    """Return every subject by which rules name a user, each with its shortest chain of roles.

    It is empty for a user without access at that moment. `roles` restricts it to these roles of the
    user and the ones they inherit.
    """
    member = snapshot.users.get(user)
    if member is None or not member.is_active_at(time.time() if now is None else now):
        return {}
    chains: dict[str, tuple[str, ...]] = {} if roles is not None else {f"user:{user}": ()}
    own_roles = [role for role in member.roles if roles is None or role in roles]
    pending: deque[tuple[str, tuple[str, ...]]] = deque((role, (role,)) for role in own_roles)
    while pending:
        role, path = pending.popleft()
        if f"role:{role}" not in chains:
            chains[f"role:{role}"] = path
            pending.extend(
                (inherited, (*path, inherited)) for inherited in snapshot.roles.get(role, ())
            )
    return chains


def subtree(snapshot: Snapshot, department: UUID) -> frozenset[UUID]:
    """Return a department and all departments below it."""
    children: dict[UUID, list[UUID]] = {}
    for id, parent in snapshot.departments.items():
        if parent is not None:
            children.setdefault(parent, []).append(id)
    departments: set[UUID] = set()
    pending = [department]
    while pending:
        id = pending.pop()
        if id not in departments:
            departments.add(id)
            pending.extend(children.get(id, ()))
    return frozenset(departments)


def casbin_line(rule: Rule) -> list[str]:
    """Return a rule as a Casbin policy line."""
    return ["p", rule.subject, rule.object, rule.action, rule.rows, rule.redaction, rule.effect]


def rule_of(line: Sequence[str]) -> Rule:
    """Return the rule of a Casbin policy line. Raise `ValueError` for one the guard cannot read."""
    kind, *parts = (part.strip() for part in line)
    if kind != "p" or len(parts) != 6 or not all(parts):
        raise ValueError(
            "a rule has seven parts: p, subject, object, action, rows, redaction, effect"
        )
    rule = Rule(*parts)
    if not set(rule.rows.split("+")) <= set(ROWS):
        raise ValueError(f"unknown rows {rule.rows!r}")
    if rule.redaction not in REDACTIONS or rule.effect not in (ALLOW, DENY):
        raise ValueError(f"unknown redaction {rule.redaction!r} or effect {rule.effect!r}")
    return rule


def casbin_lines(snapshot: Snapshot) -> Iterator[list[str]]:
    """Yield the snapshot as Casbin policy lines (`p, …` and `g, …`), with users' own rights of now.

    Delegated rights are rights of their giver, so they are not lines of the policy.
    """
    for rule in snapshot.rules:
        yield casbin_line(rule)
    for role, inherited in snapshot.roles.items():
        for parent in inherited:
            yield ["g", f"role:{role}", f"role:{parent}"]
    now = time.time()
    for id, member in snapshot.users.items():
        if member.is_active_at(now):
            for role in member.roles:
                yield ["g", f"user:{id}", f"role:{role}"]
