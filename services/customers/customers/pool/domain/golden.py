"""The golden record: what the pool believes, a pure function of claims, rules and a moment.

A claim says that one source gives one field one value. Among the claims that stand at the moment
the winner is the first in this order:

1. a claim that a user has pinned (the latest pin first),
2. the source's place in the survivorship rule of the field (or the rule `*` for every field),
3. the priority of the source, the smaller the stronger,
4. what was observed most recently, then what was recorded most recently,
5. the value and the id, so that the order of arrival cannot decide.

A customer always has a name: when every source has withdrawn it, the last one stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

EVERY_FIELD = "*"
DEFAULT_PRIORITY = 100
LASTING = frozenset({"name"})


@dataclass(frozen=True, slots=True)
class Claim:
    """One source says that one field has one value, from `recorded_at` until `ended_at`."""

    id: UUID
    link_id: UUID
    system: str
    field: str
    value: str
    observed_at: datetime
    recorded_at: datetime
    ended_at: datetime | None = None
    pinned_from: datetime | None = None
    pinned_until: datetime | None = None
    trace_id: str | None = None

    def pinned(self, at: datetime) -> bool:
        """Check whether a user's pin on the claim holds at a moment."""
        return (
            self.pinned_from is not None
            and self.pinned_from <= at
            and (self.pinned_until is None or at < self.pinned_until)
        )

    def stands(self, at: datetime) -> bool:
        """Check whether the claim stands at a moment; a pin holds it even if it was withdrawn."""
        ended = self.ended_at is not None and self.ended_at <= at
        return self.recorded_at <= at and (not ended or self.pinned(at))


@dataclass(frozen=True, slots=True)
class Rules:
    """The order in which systems are believed by field, and the priorities of the others."""

    orders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    priorities: Mapping[str, int] = field(default_factory=dict)

    def order_for(self, field_name: str) -> tuple[str, tuple[str, ...]]:
        """Return the name of the rule that governs a field, and its order of systems."""
        if field_name in self.orders:
            return field_name, self.orders[field_name]
        return EVERY_FIELD, self.orders.get(EVERY_FIELD, ())


@dataclass(frozen=True, slots=True)
class Election:
    """The election of one field.

    `standing` are all claims that stood, the winner first; `rule` and `order` decided, or a pin
    did.
    """

    winner: Claim
    standing: tuple[Claim, ...]
    rule: str
    order: tuple[str, ...]
    by_pin: bool


def elect(claims: Iterable[Claim], rules: Rules, at: datetime) -> dict[str, Election]:
    """Elect the winner of every field at a moment."""
    by_field: dict[str, dict[UUID, Claim]] = {}
    for claim in claims:
        by_field.setdefault(claim.field, {})[claim.id] = claim
    return {
        name: election
        for name, field_claims in by_field.items()
        if (election := _elect_field(name, field_claims.values(), rules, at)) is not None
    }


def values(elections: Mapping[str, Election]) -> dict[str, str]:
    """Return the golden record: the winning value of each field."""
    return {name: election.winner.value for name, election in elections.items()}


def _elect_field(name: str, claims: Iterable[Claim], rules: Rules, at: datetime) -> Election | None:
    recorded = [claim for claim in claims if claim.recorded_at <= at]
    candidates = [claim for claim in recorded if claim.stands(at)]
    if not candidates and name in LASTING and recorded:
        last = max(claim.ended_at for claim in recorded if claim.ended_at)
        candidates = [claim for claim in recorded if claim.ended_at == last]
    if not candidates:
        return None
    rule, order = rules.order_for(name)
    places = {system: place for place, system in enumerate(order)}

    def rank(claim: Claim) -> tuple[object, ...]:
        pinned = claim.pinned(at)
        return (
            0 if pinned else 1,
            -claim.pinned_from.timestamp() if pinned and claim.pinned_from else 0.0,
            places.get(claim.system, len(order)),
            rules.priorities.get(claim.system, DEFAULT_PRIORITY),
            -claim.observed_at.timestamp(),
            -claim.recorded_at.timestamp(),
            claim.value,
            claim.id.int,
        )

    standing = tuple(sorted(candidates, key=rank))
    return Election(standing[0], standing, rule, order, standing[0].pinned(at))
