"""Access reviews: granted rights compared with used rights, decisions and their progress."""

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
    """The state of a review."""

    OPEN = "open"
    CLOSED = "closed"
    DISCARDED = "discarded"


class ReviewDecision(Enum):
    """The decision about one grant."""

    KEEP = "keep"
    REVOKE = "revoke"


class ReviewKind(Enum):
    """The kind of a grant."""

    ROLE = "role"
    DIRECTORY_ROLE = "directory_role"
    RULE = "rule"


Uses = Mapping[Right, Use]


@dataclass(frozen=True, slots=True)
class Grant:
    """One thing that gives a user rights: a role, or a rule about the user.

    `name` is the role's name, or the text of the rule. `only_here` counts the rights that the user
    would lose without it, since no other role and no rule gives them.
    """

    user: UUID
    kind: ReviewKind
    name: str
    rule: UUID | None
    granted: int
    used: int
    only_here: int
    only_here_used: int
    last_used: date | None

    @property
    def unused(self) -> bool:
        """Return whether nothing would have been missed without it in the period."""
        return self.only_here_used == 0


@dataclass(frozen=True, slots=True)
class RightUse:
    """One right of one user: the roles it comes through, and how it was used."""

    object: str
    action: str
    rows: str
    redaction: str
    through: str
    use: Use | None


def rights_of(snapshot: Snapshot, user: UUID, uses: Uses) -> list[RightUse]:
    """Return every right that rules give a user, the unused ones first."""
    rights = []
    for subject, path in subjects(snapshot, user).items():
        for rule in snapshot.rules:
            if rule.subject == subject and rule.effect != DENY:
                through = " > ".join(path) or "user"
                use = _use_of(rule, uses)
                rights.append(
                    RightUse(rule.object, rule.action, rule.rows, rule.redaction, through, use)
                )
    return sorted(
        rights, key=lambda right: (right.use is not None, right.object, right.action, right.rows)
    )


def grants_of(
    snapshot: Snapshot,
    user: UUID,
    direct_roles: Iterable[str],
    rules: Mapping[UUID, Rule],
    uses: Uses,
) -> Iterator[Grant]:
    """Yield the grants of an active user: direct roles, roles of a directory, rules about the user.

    Of the roles in the snapshot, those not in `direct_roles` come from a directory.
    """
    member = snapshot.users.get(user)
    if member is None or not member.active:
        return
    rights_by_grant = _rights_by_grant(snapshot, user, frozenset(direct_roles), rules)
    for key, rights in rights_by_grant.items():
        elsewhere = frozenset[Right]().union(
            *(other for other_key, other in rights_by_grant.items() if other_key != key)
        )
        lost = frozenset(right for right in rights if not _covered(right, elsewhere))
        used = {right: use for right, use in uses.items() if _covers_any(rights, right)}
        missed = [right for right in used if _covers_any(lost, right)]
        kind, name, rule_id = key
        yield Grant(
            user=user,
            kind=kind,
            name=name,
            rule=rule_id,
            granted=len(rights),
            used=sum(any(_matches(right, other) for other in used) for right in rights),
            only_here=len(lost),
            only_here_used=len(missed),
            last_used=max((use.last for use in used.values()), default=None),
        )


def _rights_by_grant(
    snapshot: Snapshot, user: UUID, direct_roles: frozenset[str], rules: Mapping[UUID, Rule]
) -> dict[tuple[ReviewKind, str, UUID | None], frozenset[Right]]:
    rights: dict[tuple[ReviewKind, str, UUID | None], frozenset[Right]] = {}
    for role in snapshot.users[user].roles:
        kind = ReviewKind.ROLE if role in direct_roles else ReviewKind.DIRECTORY_ROLE
        rights[kind, role, None] = _rights_through(snapshot, role)
    for id, rule in rules.items():
        if rule.subject == f"user:{user}" and rule.effect != DENY:
            text = f"{rule.object} {rule.action} {rule.rows} {rule.redaction}"
            rights[ReviewKind.RULE, text, id] = frozenset({(rule.object, rule.action)})
    return rights


def reviewer_of(
    snapshot: Snapshot, subject: UUID, candidates: Mapping[UUID, Member], otherwise: UUID | None
) -> UUID | None:
    """Return the reviewer of a user's rights, never the user.

    It is a candidate of the user's department or of the nearest one above it, else `otherwise`.
    """
    member = snapshot.users.get(subject)
    department = member.department if member else None
    seen: set[UUID] = set()
    while department is not None and department not in seen:
        seen.add(department)
        here = sorted(
            id
            for id, candidate in candidates.items()
            if candidate.department == department and id != subject
        )
        if here:
            return here[0]
        department = snapshot.departments.get(department)
    return otherwise if otherwise != subject else None


def _rights_through(snapshot: Snapshot, role: str) -> frozenset[Right]:
    """Return what a role and those it inherits from allow."""
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


def _matches(granted: Right, used: Right) -> bool:
    return granted[0] in (ANY, used[0]) and granted[1] in (ANY, used[1])


def _covers_any(granted: Iterable[Right], used: Right) -> bool:
    return any(_matches(right, used) for right in granted)


def _covered(right: Right, elsewhere: Iterable[Right]) -> bool:
    return any(_matches(other, right) for other in elsewhere)


def _use_of(rule: Rule, uses: Uses) -> Use | None:
    fits = [use for right, use in uses.items() if _matches((rule.object, rule.action), right)]
    if not fits:
        return None
    return Use(sum(use.count for use in fits), max(use.last for use in fits))


@dataclass(frozen=True, slots=True)
class Progress:
    """How many items are decided."""

    items: int
    kept: int
    revoked: int

    @property
    def open(self) -> int:
        """Return the number of items without a decision."""
        return self.items - self.kept - self.revoked


def line(cells: Sequence[object]) -> list[str]:
    """Return a row of the closing report, safe to open in a spreadsheet program."""
    texts = ["" if cell is None else str(cell) for cell in cells]
    return [f"'{text}" if text[:1] in ("=", "+", "-", "@") else text for text in texts]
