"""What would change for whom if other rules were in force: two compiled tables held side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from uuid import UUID

from chassis.policy.compiling import compile_rules
from chassis.policy.rules import ANY, REDACTIONS, Rule, Snapshot, subjects
from chassis.policy.scope import Grant, Permissions

Asked = tuple[str, str]
"""An object (or a field) and an action."""


class Effect(Enum):
    """What becomes of one permission of one person."""

    GAINED = "GAINED"
    LOST = "LOST"
    ROWS_CHANGED = "ROWS_CHANGED"
    REDACTION_CHANGED = "REDACTION_CHANGED"


@dataclass(frozen=True, slots=True)
class Reach:
    """One row scope of a permission and how open a value is there."""

    rows: str
    redaction: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One permission that is not what it was. An empty side: it is not given there at all."""

    user_id: UUID
    object: str
    action: str
    effect: Effect
    before: tuple[Reach, ...]
    after: tuple[Reach, ...]


def with_rules(snapshot: Snapshot, rules: Sequence[Rule]) -> Snapshot:
    """The same people under other rules."""
    return replace(snapshot, rules=tuple(rules))


def differences(before: Snapshot, after: Snapshot, asked: Iterable[Asked]) -> Iterator[Difference]:
    """Everything that changes for anybody, by their ids, in their own right: not for whom they stand
    in for a while. Both sides know the same people.

    People about whom the same rules speak share one comparison: of 5,000 people there are as many
    comparisons as there are combinations of roles.
    """
    changed = set(before.rules) ^ set(after.rules)
    concerned = {rule.subject for rule in changed}
    touched = [one for one in asked if any(_touches(rule, one) for rule in changed)]
    spoken_of = {rule.subject for rule in (*before.rules, *after.rules)}
    compared: dict[frozenset[str], tuple[_Change, ...]] = {}
    for user in sorted(before.users):
        names = frozenset(subjects(before, user)) & spoken_of
        if names.isdisjoint(concerned):
            continue
        if names not in compared:
            old, new = (compile_rules(side, user, alone=True) for side in (before, after))
            compared[names] = tuple(_compared(old, new, touched))
        for change in compared[names]:
            yield Difference(user, *change)


_Change = tuple[str, str, Effect, tuple[Reach, ...], tuple[Reach, ...]]


def _touches(rule: Rule, asked: Asked) -> bool:
    return rule.object in (asked[0], ANY) and rule.action in (asked[1], ANY)


def _compared(before: Permissions, after: Permissions, asked: Iterable[Asked]) -> Iterator[_Change]:
    for object, action in sorted(asked):
        old, new = (reach(side.grants(object, action)) for side in (before, after))
        if old == new:
            continue
        if not old:
            effect = Effect.GAINED
        elif not new:
            effect = Effect.LOST
        else:
            same_rows = old.keys() == new.keys()
            effect = Effect.REDACTION_CHANGED if same_rows else Effect.ROWS_CHANGED
        yield object, action, effect, _listed(old), _listed(new)


def reach(grants: Sequence[Grant]) -> Mapping[str, str]:
    """How open each row scope makes it, without scopes that add nothing to another."""
    found: dict[str, str] = {}
    for grant in grants:
        for rows in grant.rows:
            if rows not in found or _opener(grant.redaction, found[rows]):
                found[rows] = grant.redaction
    everywhere = found.get("all", "hidden")
    return {
        rows: redaction
        for rows, redaction in sorted(found.items())
        if redaction != "hidden" and (rows == "all" or _opener(redaction, everywhere))
    }


def _opener(one: str, other: str) -> bool:
    return REDACTIONS.index(one) < REDACTIONS.index(other)


def _listed(found: Mapping[str, str]) -> tuple[Reach, ...]:
    return tuple(Reach(rows, redaction) for rows, redaction in found.items())
