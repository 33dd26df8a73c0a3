"""What would change for which users under other rules: a comparison of compiled permissions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from uuid import UUID

from chassis.policy.compiling import compile_rules
from chassis.policy.rules import ANY, REDACTIONS, Rule, Snapshot, subjects
from chassis.policy.scope import Grant, Permissions

Access = tuple[str, str]
"""An object (or a field) and an action."""


class Effect(Enum):
    """What happens to one permission of one user."""

    GAINED = "GAINED"
    LOST = "LOST"
    ROWS_CHANGED = "ROWS_CHANGED"
    REDACTION_CHANGED = "REDACTION_CHANGED"


@dataclass(frozen=True, slots=True)
class Reach:
    """A row scope of a permission, and how open a value is there."""

    rows: str
    redaction: str


@dataclass(frozen=True, slots=True)
class Difference:
    """A permission that changes. An empty side: the user does not have it there."""

    user_id: UUID
    object: str
    action: str
    effect: Effect
    before: tuple[Reach, ...]
    after: tuple[Reach, ...]


def with_rules(snapshot: Snapshot, rules: Sequence[Rule]) -> Snapshot:
    """Return the snapshot with other rules."""
    return replace(snapshot, rules=tuple(rules))


def differences(
    before: Snapshot, after: Snapshot, accesses: Iterable[Access]
) -> Iterator[Difference]:
    """Yield every change of a user's own permissions, in order of user id.

    Delegations are left out. Both snapshots have the same users. Users to whom the same rules apply
    share one comparison: of 5,000 users there are as many comparisons as there are combinations of
    roles.
    """
    changed = set(before.rules) ^ set(after.rules)
    concerned = {rule.subject for rule in changed}
    affected = [access for access in accesses if any(_applies(rule, access) for rule in changed)]
    subjects_of_rules = {rule.subject for rule in (*before.rules, *after.rules)}
    compared: dict[frozenset[str], tuple[_Change, ...]] = {}
    for user in sorted(before.users):
        names = frozenset(subjects(before, user)) & subjects_of_rules
        if names.isdisjoint(concerned):
            continue
        if names not in compared:
            old, new = (compile_rules(side, user, alone=True) for side in (before, after))
            compared[names] = tuple(_compared(old, new, affected))
        for change in compared[names]:
            yield Difference(user, *change)


_Change = tuple[str, str, Effect, tuple[Reach, ...], tuple[Reach, ...]]


def _applies(rule: Rule, access: Access) -> bool:
    return rule.object in (access[0], ANY) and rule.action in (access[1], ANY)


def _compared(
    before: Permissions, after: Permissions, accesses: Iterable[Access]
) -> Iterator[_Change]:
    for object, action in sorted(accesses):
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
    """Return the redaction of each row scope, without scopes that add nothing to `all`."""
    reach: dict[str, str] = {}
    for grant in grants:
        for rows in grant.rows:
            if rows not in reach or _is_more_open(grant.redaction, reach[rows]):
                reach[rows] = grant.redaction
    everywhere = reach.get("all", "hidden")
    return {
        rows: redaction
        for rows, redaction in sorted(reach.items())
        if redaction != "hidden" and (rows == "all" or _is_more_open(redaction, everywhere))
    }


def _is_more_open(redaction: str, other: str) -> bool:
    return REDACTIONS.index(redaction) < REDACTIONS.index(other)


def _listed(reach: Mapping[str, str]) -> tuple[Reach, ...]:
    return tuple(Reach(rows, redaction) for rows, redaction in reach.items())
