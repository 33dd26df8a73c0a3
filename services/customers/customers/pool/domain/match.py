"""Match a record to the customers that the pool holds. Pure: recognition keys in, decisions out.

The credit code is the identity of an organisation. It decides alone, and two different codes are
two organisations whatever else they share. A telephone number or an e-mail address decides unless

- the credit codes contradict: a shared switchboard does not make two organisations one,
- the keys point to different customers,
- the names are comparable and have nothing in common: one mobile may belong to the two companies of
  one person.

Then, and when only the name agrees, a steward decides: the record becomes a customer of its own and
a match candidate says why it may be an existing one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from customers.pool.domain import name as names

KeyKind = Literal["code", "phone", "email", "name"]
CODE: KeyKind = "code"
PHONE: KeyKind = "phone"
EMAIL: KeyKind = "email"
NAME: KeyKind = "name"

AGREES = "AGREES"
SIMILAR = "SIMILAR"
CONTRADICTS = "CONTRADICTS"

WEIGHTS: Mapping[KeyKind, float] = {CODE: 1.0, PHONE: 0.6, EMAIL: 0.6, NAME: 0.8}
FIELD_OF: Mapping[KeyKind, str] = {
    CODE: "unified_social_credit_code",
    PHONE: "phone",
    EMAIL: "email",
    NAME: "name",
}
ALIKE = 0.3


@dataclass(frozen=True, slots=True)
class Key:
    """A recognition key: a value by which a customer can be recognised."""

    kind: KeyKind
    value: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """How the values of one field compare, with a weight; it never holds the values."""

    field: str
    agreement: str
    weight: float


@dataclass(frozen=True, slots=True)
class KeyedCustomer:
    """An existing customer with its recognition keys."""

    id: UUID
    kind: str
    keys: frozenset[Key]


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A customer that may be the same, with the evidence for a steward."""

    customer_id: UUID
    score: float
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """The record belongs to this customer; the suspicions are others that look the same."""

    customer_id: UUID
    evidence: tuple[Evidence, ...]
    suspicions: tuple[Suspicion, ...] = ()


@dataclass(frozen=True, slots=True)
class New:
    """The record is a new customer; with suspicions, a steward reviews it."""

    suspicions: tuple[Suspicion, ...] = ()


Verdict = Match | New
Judged = tuple[KeyedCustomer, tuple[Evidence, ...]]


@dataclass
class Pool:
    """The customers that share a recognition key with a record of a batch, indexed by key."""

    _by_key: dict[Key, set[UUID]] = field(default_factory=dict)
    _customers: dict[UUID, KeyedCustomer] = field(default_factory=dict)

    @staticmethod
    def of(customers: Iterable[KeyedCustomer]) -> Pool:
        """Index customers by their keys."""
        pool = Pool()
        for customer in customers:
            pool.learn(customer.id, customer.kind, customer.keys)
        return pool

    def learn(self, id: UUID, kind: str, keys: Iterable[Key]) -> None:
        """Add keys of a customer; by this, records of one batch see each other."""
        before = self._customers.get(id)
        all_keys = frozenset(keys) | (before.keys if before else frozenset())
        self._customers[id] = KeyedCustomer(id, kind, all_keys)
        for key in all_keys:
            self._by_key.setdefault(key, set()).add(id)

    def sharing(self, kind: str, keys: Iterable[Key]) -> list[KeyedCustomer]:
        """Return the customers of this kind that share at least one key, oldest id first."""
        ids = {id for key in keys for id in self._by_key.get(key, ())}
        return [customer for id in sorted(ids) if (customer := self._customers[id]).kind == kind]


def decide(kind: str, keys: frozenset[Key], pool: Pool) -> Verdict:
    """Decide which customer a record without a link belongs to."""
    judged = [(customer, compare(keys, customer.keys)) for customer in pool.sharing(kind, keys)]
    winner = _certain(judged)
    if winner is not None:
        others = [pair for pair in judged if pair[0].id != winner[0].id]
        return Match(winner[0].id, winner[1], _suspicions(others))
    return New(_suspicions(judged))


def _certain(judged: Sequence[Judged]) -> Judged | None:
    """Return the one customer it must be, or `None` where a steward has to decide."""
    by_code = [pair for pair in judged if _says(pair[1], CODE, AGREES)]
    if by_code:
        return by_code[0] if len(by_code) == 1 else None
    strong = [pair for pair in judged if _strong_kinds(pair[1])]
    if len(strong) == 1:
        return strong[0] if not _says(strong[0][1], NAME, CONTRADICTS) else None
    # Several customers share one number: the name decides, if no other key points elsewhere.
    named = [pair for pair in strong if _says(pair[1], NAME, AGREES)]
    pointing = {kind for _, evidence in strong for kind in _strong_kinds(evidence)}
    if len(named) == 1 and _strong_kinds(named[0][1]) == pointing:
        return named[0]
    return None


def suspicions(
    kind: str, keys: frozenset[Key], pool: Pool, except_for: UUID
) -> tuple[Suspicion, ...]:
    """Return the other customers that an existing customer's keys point to."""
    judged = [
        (customer, compare(keys, customer.keys))
        for customer in pool.sharing(kind, keys)
        if customer.id != except_for
    ]
    return _suspicions(judged)


def compare(mine: frozenset[Key], theirs: frozenset[Key]) -> tuple[Evidence, ...]:
    """Compare two sets of keys by kind; a kind that one side lacks gives no evidence."""
    evidence: list[Evidence] = []
    for kind in (CODE, PHONE, EMAIL):
        here, there = _values(mine, kind), _values(theirs, kind)
        if here & there:
            evidence.append(Evidence(FIELD_OF[kind], AGREES, WEIGHTS[kind]))
        elif kind == CODE and here and there:
            evidence.append(Evidence(FIELD_OF[kind], CONTRADICTS, -WEIGHTS[kind]))
    if by_name := _compare_names(_values(mine, NAME), _values(theirs, NAME)):
        evidence.append(by_name)
    return tuple(evidence)


def score(evidence: Sequence[Evidence]) -> float:
    """Combine evidence into a number from 0 to 1, by which a steward's list is sorted.

    1 minus the product of (1 - weight) of what speaks for a match, reduced by up to 60 % by the sum
    of what speaks against it.
    """
    doubt = 1.0
    for item in evidence:
        if item.weight > 0:
            doubt *= 1 - min(item.weight, 0.99)
    against = sum(-item.weight for item in evidence if item.weight < 0)
    return round(max(0.0, (1 - doubt) * (1 - min(against, 1.0) * 0.6)), 3)


def _strong_kinds(evidence: Sequence[Evidence]) -> set[KeyKind]:
    """Return the numbers and addresses that agree; none where the credit codes contradict."""
    if _says(evidence, CODE, CONTRADICTS):
        return set()
    return {kind for kind in (PHONE, EMAIL) if _says(evidence, kind, AGREES)}


def _suspicions(judged: Sequence[Judged]) -> tuple[Suspicion, ...]:
    """Drop customers that share only a number while their credit codes contradict."""
    return tuple(
        Suspicion(customer.id, score(evidence), evidence)
        for customer, evidence in judged
        if not _only_a_switchboard(evidence)
    )


def _only_a_switchboard(evidence: Sequence[Evidence]) -> bool:
    return _says(evidence, CODE, CONTRADICTS) and not _says(evidence, NAME, AGREES)


def _compare_names(mine: frozenset[str], theirs: frozenset[str]) -> Evidence | None:
    if not mine or not theirs:
        return None
    if mine & theirs:
        return Evidence("name", AGREES, WEIGHTS[NAME])
    pairs = [(a, b) for a in mine for b in theirs if names.comparable(a, b)]
    if not pairs:
        return None
    best = max(names.likeness(a, b) for a, b in pairs)
    if best >= ALIKE:
        return Evidence("name", SIMILAR, round(WEIGHTS[NAME] * best, 3))
    return Evidence("name", CONTRADICTS, -0.5)


def _says(evidence: Sequence[Evidence], kind: KeyKind, agreement: str) -> bool:
    return any(item.field == FIELD_OF[kind] and item.agreement == agreement for item in evidence)


def _values(keys: frozenset[Key], kind: KeyKind) -> frozenset[str]:
    return frozenset(key.value for key in keys if key.kind == kind)
