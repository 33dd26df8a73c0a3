"""What was decided once, decided again: the ledger's record held against another policy.

A record says who asked for what and what they were shown; which row it was only its service could tell.
So a permission that would remain, but reach other rows, is told apart from one that changes for certain.
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
    """What becomes of a recorded decision."""

    SAME = "SAME"
    DENIED = "DENIED"
    ALLOWED = "ALLOWED"
    LESS_OPEN = "LESS_OPEN"
    MORE_OPEN = "MORE_OPEN"
    DEPENDS_ON_ROW = "DEPENDS_ON_ROW"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision under one policy: whether at all, to which rows, how open each field at most."""

    allowed: bool
    rows: frozenset[str]
    fields: tuple[tuple[str, str, frozenset[tuple[str, str]]], ...]


def replay(
    before: Snapshot, after: Snapshot, log: Iterable[RecordedDecision]
) -> Iterator[tuple[RecordedDecision, Replayed]]:
    """What becomes of each recorded decision if the second policy takes the place of the first."""
    tables = _Tables(before), _Tables(after)
    for one in log:
        old, new = (decided(table.of(one.user_id), one) for table in tables)
        yield one, _change(one, old, new)


def decided(permissions: Permissions, one: RecordedDecision) -> Verdict:
    """The same question, asked of this table."""
    grants = permissions.grants(one.object, one.action)
    fields = []
    for coordinate in sorted(one.clear | one.masked):
        shown = by_openness(permissions.grants(coordinate, READ)) if grants else []
        most = shown[0].redaction if shown else "hidden"
        fields.append((coordinate, most, frozenset(reach(shown).items())))
    return Verdict(bool(grants), frozenset(reach(grants)), tuple(fields))


def _change(one: RecordedDecision, old: Verdict, new: Verdict) -> Replayed:
    """What the second policy changes; what the first would decide otherwise today is not its doing."""
    if not one.allowed:
        return Replayed.ALLOWED if new.allowed and not old.allowed else Replayed.SAME
    if not (old.allowed and new.allowed):
        return Replayed.DENIED if old.allowed else Replayed.SAME
    present, then = ({c: most for c, most, _ in side.fields} for side in (old, new))
    if any(present[c] == "clear" != then[c] for c in one.clear) or any(
        present[c] != "hidden" == then[c] for c in one.masked
    ):
        return Replayed.LESS_OPEN
    if any(then[c] == "clear" != present[c] for c in one.masked):
        return Replayed.MORE_OPEN
    return Replayed.SAME if old == new else Replayed.DEPENDS_ON_ROW


class _Tables:
    """One table for everybody about whom the same rules speak, in their own right."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._spoken_of = {rule.subject for rule in snapshot.rules}
        self._known: dict[frozenset[str], Permissions] = {}

    def of(self, user: UUID) -> Permissions:
        names = frozenset(subjects(self._snapshot, user)) & self._spoken_of
        if names not in self._known:
            self._known[names] = compile_rules(self._snapshot, user, alone=True)
        return self._known[names]
