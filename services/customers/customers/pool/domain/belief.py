"""What the pool believes of one customer, and how claims and elections change it. Pure values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from customers.core.domain.ids import new_id
from customers.pool.domain.golden import Claim, Rules, elect, values


@dataclass(frozen=True, slots=True)
class Terms:
    """What claims are made and elected under: the source, the rules, the moment and the trace."""

    system: str
    rules: Rules
    at: datetime
    trace_id: str | None


@dataclass(frozen=True, slots=True)
class Belief:
    """The claims and golden record of a customer, and the claims that a command made and ended."""

    customer_id: UUID
    claims: tuple[Claim, ...] = ()
    golden: Mapping[str, str] = field(default_factory=dict)
    made: tuple[Claim, ...] = ()
    ended: tuple[UUID, ...] = ()

    def present_claims(self, link_id: UUID) -> dict[str, Claim]:
        """Return the claims that a link makes now, by field."""
        return {
            claim.field: claim
            for claim in self.claims
            if claim.link_id == link_id and claim.ended_at is None
        }

    def present_values(self, link_id: UUID) -> dict[str, str]:
        """Return the values that a link claims now, by field."""
        return {name: claim.value for name, claim in self.present_claims(link_id).items()}


def assert_values(
    belief: Belief,
    terms: Terms,
    link_id: UUID,
    values: Mapping[str, str | None],
    observed_at: datetime,
) -> Belief:
    """Make claims of a link's new values, end those it no longer makes, and elect again.

    `None` withdraws a value; a field that is not named stays as it is.
    """
    present = belief.present_claims(link_id)
    for name, value in values.items():
        before = present.get(name)
        if (before.value if before else None) == value:
            continue
        if before:
            belief = _end(belief, before, terms.at)
        if value is not None:
            belief = _make(belief, _claim(terms, link_id, name, value, observed_at))
    return reelect(belief, terms)


def reelect(belief: Belief, terms: Terms) -> Belief:
    """Elect the golden record again."""
    return replace(belief, golden=values(elect(belief.claims, terms.rules, terms.at)))


def changed_fields(before: Belief, after: Belief) -> tuple[str, ...]:
    """Return the fields whose shown value differs, sorted."""
    old, new = before.golden, after.golden
    return tuple(sorted(name for name in old.keys() | new if old.get(name) != new.get(name)))


def _claim(terms: Terms, link_id: UUID, name: str, value: str, observed_at: datetime) -> Claim:
    return Claim(
        id=new_id(),
        link_id=link_id,
        system=terms.system,
        field=name,
        value=value,
        observed_at=observed_at,
        recorded_at=terms.at,
        trace_id=terms.trace_id,
    )


def _make(belief: Belief, claim: Claim) -> Belief:
    return replace(belief, claims=(*belief.claims, claim), made=(*belief.made, claim))


def _end(belief: Belief, claim: Claim, at: datetime) -> Belief:
    others = tuple(other for other in belief.claims if other is not claim)
    if claim in belief.made:  # made and withdrawn within one command: it is never written
        made = tuple(other for other in belief.made if other is not claim)
        return replace(belief, claims=others, made=made)
    ended = replace(claim, ended_at=at)
    return replace(belief, claims=(*others, ended), ended=(*belief.ended, claim.id))
