"""Rights that were given, held against rights that were used; and what an access review is made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from uuid import UUID

from chassis.policy.rules import ANY, DENY, Member, Rule, Snapshot, subjects
from identity.ledger.domain.right_use import Right, Use

LONGEST_TITLE = 200
LONGEST_NOTE = 1000
MOST_ITEMS = 20_000


class ReviewStatus(Enum):
    """How far a review is."""

    OPEN = "open"
    CLOSED = "closed"
    DISCARDED = "discarded"


class ReviewDecision(Enum):
    """What becomes of one thing that somebody was given."""

    KEEP = "keep"
    REVOKE = "revoke"


class ReviewKind(Enum):
    """What somebody was given."""

    ROLE = "role"
    DIRECTORY_ROLE = "directory_role"
    RULE = "rule"


Uses = Mapping[Right, Use]


@dataclass(frozen=True, slots=True)
class Given:
    """One thing that gives somebody rights: a role, or a rule that names them.

    `only_here` are the rights they would lose without it: no other role and no rule gives them.
    """

    user: UUID
    kind: ReviewKind
    what: str
    rule: UUID | None
    granted: int
    used: int
    only_here: int
    only_here_used: int
    last_used: date | None

    @property
    def unused(self) -> bool:
        """Whether nothing would have been missed in the period."""
        return self.only_here_used == 0


@dataclass(frozen=True, slots=True)
class RightUse:
    """One right of one person: through what they have it, and what they did with it."""

    object: str
    action: str
    rows: str
    redaction: str
    through: str
    use: Use | None


def rights_of(snapshot: Snapshot, user: UUID, uses: Uses) -> list[RightUse]:
    """Every right that rules give somebody, the unused ones first."""
    found = []
    for subject, path in subjects(snapshot, user).items():
        for rule in snapshot.rules:
            if rule.subject == subject and rule.effect != DENY:
                through = " > ".join(path) or "user"
                use = _use_of(rule, uses)
                found.append(
                    RightUse(rule.object, rule.action, rule.rows, rule.redaction, through, use)
                )
    return sorted(found, key=lambda one: (one.use is not None, one.object, one.action, one.rows))


def given(
    snapshot: Snapshot,
    user: UUID,
    roles: Iterable[str],
    rules: Mapping[UUID, Rule],
    uses: Uses,
) -> Iterator[Given]:
    """What somebody was given: `roles` by hand, others by a directory, and rules in their name."""
    member = snapshot.users.get(user)
    if member is None or not member.active:
        return
    by_hand = frozenset(roles)
    own = {id: rule for id, rule in rules.items() if rule.subject == f"user:{user}"}
    parts: dict[tuple[ReviewKind, str, UUID | None], frozenset[Right]] = {}
    for role in member.roles:
        kind = ReviewKind.ROLE if role in by_hand else ReviewKind.DIRECTORY_ROLE
        parts[kind, role, None] = _rights_through(snapshot, role)
    for id, rule in own.items():
        if rule.effect != DENY:
            line = f"{rule.object} {rule.action} {rule.rows} {rule.redaction}"
            parts[ReviewKind.RULE, line, id] = frozenset({(rule.object, rule.action)})
    for key, mine in parts.items():
        elsewhere = frozenset[Right]().union(*(p for other, p in parts.items() if other != key))
        lost = frozenset(right for right in mine if not _covered(right, elsewhere))
        used = {right: use for right, use in uses.items() if _covers_any(mine, right)}
        missed = [right for right in used if _covers_any(lost, right)]
        kind, what, rule_id = key
        yield Given(
            user=user,
            kind=kind,
            what=what,
            rule=rule_id,
            granted=len(mine),
            used=sum(any(_matches(right, one) for one in used) for right in mine),
            only_here=len(lost),
            only_here_used=len(missed),
            last_used=max((use.last for use in used.values()), default=None),
        )


def reviewer_of(
    snapshot: Snapshot, subject: UUID, candidates: Mapping[UUID, Member], otherwise: UUID | None
) -> UUID | None:
    """Who looks at somebody's rights: whoever may, in their department or the nearest one above it,
    and never they themselves."""
    member = snapshot.users.get(subject)
    department = member.department if member else None
    seen: set[UUID] = set()
    while department is not None and department not in seen:
        seen.add(department)
        here = sorted(
            id for id, one in candidates.items() if one.department == department and id != subject
        )
        if here:
            return here[0]
        department = snapshot.departments.get(department)
    return otherwise if otherwise != subject else None


def _rights_through(snapshot: Snapshot, role: str) -> frozenset[Right]:
    """What a role and those it inherits from allow."""
    waiting, seen = [role], set[str]()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting.extend(snapshot.roles.get(name, ()))
    return frozenset(
        (rule.object, rule.action)
        for rule in snapshot.rules
        if rule.effect != DENY and rule.subject.removeprefix("role:") in seen
        if rule.subject.startswith("role:")
    )


def _matches(given: Right, used: Right) -> bool:
    return given[0] in (ANY, used[0]) and given[1] in (ANY, used[1])


def _covers_any(given: Iterable[Right], used: Right) -> bool:
    return any(_matches(one, used) for one in given)


def _covered(right: Right, elsewhere: Iterable[Right]) -> bool:
    return any(_matches(one, right) for one in elsewhere)


def _use_of(rule: Rule, uses: Uses) -> Use | None:
    fits = [use for right, use in uses.items() if _matches((rule.object, rule.action), right)]
    if not fits:
        return None
    return Use(sum(use.count for use in fits), max(use.last for use in fits))


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the decisions are."""

    items: int
    kept: int
    revoked: int

    @property
    def open(self) -> int:
        return self.items - self.kept - self.revoked


def line(cells: Sequence[object]) -> list[str]:
    """A row of the closing report, safe to open in a spreadsheet program."""
    texts = ["" if cell is None else str(cell) for cell in cells]
    return [f"'{text}" if text[:1] in ("=", "+", "-", "@") else text for text in texts]
