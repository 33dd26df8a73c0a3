"""What a policy is: rules, who has which role, who is in which department, at one version."""

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
"""The end of what has none. Moments are seconds since 1970, as `time.time()` counts them."""

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
    """What the policy must know of a person."""

    department: UUID | None
    roles: tuple[str, ...]
    active: bool = True
    until: float = FOR_EVER
    projects: tuple[tuple[UUID, float], ...] = ()
    """The projects they are on, each with the moment at which that ends."""

    def is_active_at(self, now: float) -> bool:
        """Whether they have any right at that moment."""
        return self.active and now < self.until


@dataclass(frozen=True, slots=True)
class Delegation:
    """Somebody does the work of somebody else for a while. With `roles` only by what these roles of
    the giver permit, with `only` only on these rows."""

    giver: UUID
    taker: UUID
    since: float
    until: float
    roles: tuple[str, ...] | None = None
    only: frozenset[UUID] | None = None


@dataclass(frozen=True, slots=True)
class Emergency:
    """Somebody took access to one row for a short time, and will have to say why."""

    user: UUID
    row: UUID
    until: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole policy at one version; swapped as a whole, never edited."""

    version: int
    rules: tuple[Rule, ...]
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    users: Mapping[UUID, Member] = field(default_factory=dict)
    departments: Mapping[UUID, UUID | None] = field(default_factory=dict)
    delegations: tuple[Delegation, ...] = ()
    emergencies: tuple[Emergency, ...] = ()
    delegable: frozenset[str] = frozenset()
    """The objects on which one may act for somebody else; of all others only the person may."""

    def to_json(self) -> bytes:
        return orjson.dumps(
            {
                "version": self.version,
                "rules": [
                    [r.subject, r.object, r.action, r.rows, r.redaction, r.effect]
                    for r in self.rules
                ],
                "roles": {role: list(inherited) for role, inherited in self.roles.items()},
                "users": {
                    str(id): [
                        str(m.department) if m.department else None,
                        list(m.roles),
                        m.active,
                        _end(m.until),
                        [[str(project), _end(until)] for project, until in m.projects],
                    ]
                    for id, m in self.users.items()
                },
                "departments": {
                    str(id): str(parent) if parent else None
                    for id, parent in self.departments.items()
                },
                "delegations": [
                    [
                        str(d.giver),
                        str(d.taker),
                        d.since,
                        _end(d.until),
                        None if d.roles is None else list(d.roles),
                        None if d.only is None else sorted(map(str, d.only)),
                    ]
                    for d in self.delegations
                ],
                "emergencies": [[str(e.user), str(e.row), _end(e.until)] for e in self.emergencies],
                "delegable": sorted(self.delegable),
            }
        )

    @staticmethod
    def from_json(raw: bytes) -> Snapshot:
        body: dict[str, Any] = orjson.loads(raw)
        places = {id: UUID(id) for id in body["departments"]}
        return Snapshot(
            version=int(body["version"]),
            rules=tuple(Rule(*line) for line in body["rules"]),
            roles={role: tuple(inherited) for role, inherited in body["roles"].items()},
            users=_People(body["users"], places),
            departments={
                places[id]: places[parent] if parent else None
                for id, parent in body["departments"].items()
            },
            delegations=tuple(_delegation(*said) for said in body.get("delegations", ())),
            emergencies=tuple(
                Emergency(UUID(user), UUID(row), _until(until))
                for user, row, until in body.get("emergencies", ())
            ),
            delegable=frozenset(body.get("delegable", ())),
        )


class _People(Mapping[UUID, Member]):
    """People as JSON says them, read when they are asked for: of 5,000 a process meets few in the
    life of a version, and reading all of them took most of the time a new version needed."""

    __slots__ = ("_places", "_said")

    def __init__(self, said: Mapping[str, list[Any]], places: Mapping[str, UUID]) -> None:
        self._said, self._places = said, places

    def __getitem__(self, id: UUID) -> Member:
        return self._member(*self._said[str(id)])

    def _member(
        self,
        department: str | None,
        roles: Sequence[str],
        active: bool,
        until: float | None = None,
        projects: Sequence[Any] = (),
    ) -> Member:
        return Member(
            self._places[department] if department else None,
            tuple(roles),
            active,
            _until(until),
            tuple((UUID(project), _until(end)) for project, end in projects),
        )

    def __iter__(self) -> Iterator[UUID]:
        return map(UUID, self._said)

    def __len__(self) -> int:
        return len(self._said)


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
    """Every name under which rules may speak of this person, each with the shortest chain of roles
    that leads to it; empty if they do not work here at that moment. `roles`: only by way of these.
    """
    member = snapshot.users.get(user)
    if member is None or not member.is_active_at(time.time() if now is None else now):
        return {}
    found: dict[str, tuple[str, ...]] = {} if roles is not None else {f"user:{user}": ()}
    has = [role for role in member.roles if roles is None or role in roles]
    waiting: deque[tuple[str, tuple[str, ...]]] = deque((role, (role,)) for role in has)
    while waiting:
        role, path = waiting.popleft()
        if f"role:{role}" not in found:
            found[f"role:{role}"] = path
            waiting.extend((above, (*path, above)) for above in snapshot.roles.get(role, ()))
    return found


def subtree(snapshot: Snapshot, department: UUID) -> frozenset[UUID]:
    """The department and all below it."""
    below: dict[UUID, list[UUID]] = {}
    for id, parent in snapshot.departments.items():
        if parent is not None:
            below.setdefault(parent, []).append(id)
    found: set[UUID] = set()
    waiting = [department]
    while waiting:
        id = waiting.pop()
        if id not in found:
            found.add(id)
            waiting.extend(below.get(id, ()))
    return frozenset(found)


def casbin_line(rule: Rule) -> list[str]:
    """A rule as a Casbin policy line."""
    return ["p", rule.subject, rule.object, rule.action, rule.rows, rule.redaction, rule.effect]


def rule_of(line: Sequence[str]) -> Rule:
    """The rule of a Casbin policy line. Raises `ValueError` for what the guard could not read."""
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
    """The snapshot as Casbin policy lines (`p, …` and `g, …`), as everybody's own rights are now:
    what is delegated is a right of its giver, and no line of the policy."""
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
