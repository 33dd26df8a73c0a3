"""Decide recorded decisions of the ledger again under another policy.

A record has the user, the action and the fields that were shown; which row it was only its service
knows. So a permission that would remain, but on other rows, is counted apart from one that changes
for certain.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from uuid import UUID

from chassis.explanation.difference import reach
from chassis.policy.compiling import compile_rules
from chassis.policy.rules import Snapshot, subjects
from chassis.policy.scope import Permissions, by_openness
from identity.ledger.domain.decision import RecordedDecision

READ = "read"


class Replayed(Enum):
    """The outcome of a recorded decision under another policy."""

    SAME = "SAME"
    DENIED = "DENIED"
    ALLOWED = "ALLOWED"
    LESS_OPEN = "LESS_OPEN"
    MORE_OPEN = "MORE_OPEN"
    DEPENDS_ON_ROW = "DEPENDS_ON_ROW"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision under one policy: whether it is allowed, on which rows, with which redactions.

    `fields` holds for each field its coordinate, the most open redaction and the reach.
    """

    allowed: bool
    rows: frozenset[str]
    fields: tuple[tuple[str, str, frozenset[tuple[str, str]]], ...]


def replay(
    before: Snapshot, after: Snapshot, log: Iterable[RecordedDecision]
) -> Iterator[tuple[RecordedDecision, Replayed]]:
    """Yield the outcome of each recorded decision if the second policy replaces the first."""
    tables = _Tables(before), _Tables(after)
    for decision in log:
        old, new = (decide(table.of(decision.user_id), decision) for table in tables)
        yield decision, _outcome(decision, old, new)


def decide(permissions: Permissions, decision: RecordedDecision) -> Verdict:
    """Return the verdict about the same request under these permissions."""
    grants = permissions.grants(decision.object, decision.action)
    fields = []
    for coordinate in sorted(decision.clear | decision.masked):
        shown = by_openness(permissions.grants(coordinate, READ)) if grants else []
        most = shown[0].redaction if shown else "hidden"
        fields.append((coordinate, most, frozenset(reach(shown).items())))
    return Verdict(bool(grants), frozenset(reach(grants)), tuple(fields))


def _outcome(decision: RecordedDecision, old: Verdict, new: Verdict) -> Replayed:
    """Return what the second policy changes.

    A decision that the first policy would already make otherwise today counts as the same.
    """
    if not decision.allowed:
        return Replayed.ALLOWED if new.allowed and not old.allowed else Replayed.SAME
    if not (old.allowed and new.allowed):
        return Replayed.DENIED if old.allowed else Replayed.SAME
    present, then = ({c: most for c, most, _ in side.fields} for side in (old, new))
    if any(present[c] == "clear" != then[c] for c in decision.clear) or any(
        present[c] != "hidden" == then[c] for c in decision.masked
    ):
        return Replayed.LESS_OPEN
    if any(then[c] == "clear" != present[c] for c in decision.masked):
        return Replayed.MORE_OPEN
    return Replayed.SAME if old == new else Replayed.DEPENDS_ON_ROW


class _Tables:
    """Permissions without delegations, compiled once for all users with the same subjects."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._subjects = {rule.subject for rule in snapshot.rules}
        self._compiled: dict[frozenset[str], Permissions] = {}

    def of(self, user: UUID) -> Permissions:
        """Convert a value to the GraphQL type."""
        names = frozenset(subjects(self._snapshot, user)) & self._subjects
        if names not in self._compiled:
            self._compiled[names] = compile_rules(self._snapshot, user, alone=True)
        return self._compiled[names]
