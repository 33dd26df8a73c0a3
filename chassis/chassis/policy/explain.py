"""Why somebody may or may not do something: asked of the same Scope that a service spends.

The verdict is never worked out a second time here. What is added is the reason: which rules speak
of the person, by which chain of roles, and which conditions of a row hold.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from uuid import UUID

from chassis.actor import Actor
from chassis.errors import Denied
from chassis.policy.guard import (
    Permissions,
    RowAccess,
    Scope,
    Visibility,
    by_openness,
    compile_rules,
    reaches,
    redact,
)
from chassis.policy.rules import ANY, DENY, Rule, Snapshot, subjects


class Outcome(Enum):
    """The verdict, and for a no what it comes from."""

    ALLOWED = "ALLOWED"
    DEPENDS_ON_ROW = "DEPENDS_ON_ROW"
    UNKNOWN_USER = "UNKNOWN_USER"
    SUSPENDED = "SUSPENDED"
    NO_RULE = "NO_RULE"
    DENY_RULE = "DENY_RULE"
    ROW_OUT_OF_REACH = "ROW_OUT_OF_REACH"
    HIDDEN = "HIDDEN"


@dataclass(frozen=True, slots=True)
class Question:
    """May it be done to the object? With a field (a coordinate): is it shown, and how open?"""

    object: str
    action: str
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """One row scope of a rule, and whether the row meets it; `None` if no row was asked about."""

    rows: str
    holds: bool | None


@dataclass(frozen=True, slots=True)
class Line:
    """A rule that speaks of this person and this question."""

    rule: Rule
    roles: tuple[str, ...]
    conditions: tuple[Condition, ...]
    decides: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """The verdict for one person with everything it comes from."""

    user_id: UUID
    version: int
    outcome: Outcome
    visibility: Visibility | None
    lines: tuple[Line, ...]

    @property
    def allowed(self) -> bool:
        """Whether it may be done to the row; without a row, whether it may be done to any."""
        return self.outcome in (Outcome.ALLOWED, Outcome.DEPENDS_ON_ROW)


def explain(
    snapshot: Snapshot, user: UUID, question: Question, row: RowAccess | None = None
) -> Explanation:
    """The verdict of `snapshot` for this person: about one row, or about any."""
    snapshot = narrowed(snapshot, question)
    permissions = compile_rules(snapshot, user)
    scope = _scope(permissions, user, question)
    outcome = _outcome(snapshot, user, question, scope, permissions, row)
    visibility = None
    if question.field is not None:
        visibility = _visibility(scope, question.field, row)
        if outcome not in (Outcome.ALLOWED, Outcome.DEPENDS_ON_ROW):
            visibility = Visibility.HIDDEN
        elif visibility is Visibility.HIDDEN:
            outcome = Outcome.HIDDEN
        elif row is None and not _everywhere(permissions, question.field):
            outcome = Outcome.DEPENDS_ON_ROW
    lines = tuple(_lines(snapshot, permissions, question, row))
    return Explanation(user, snapshot.version, outcome, visibility, lines)


def holders(
    snapshot: Snapshot,
    question: Question,
    row: RowAccess | None = None,
    *,
    after: UUID | None = None,
) -> Iterator[Explanation]:
    """Everybody who may, by their ids, each with the reason."""
    snapshot = narrowed(snapshot, question)
    spoken_of = {rule.subject for rule in snapshot.rules if rule.effect != DENY}
    for user in sorted(snapshot.users):
        if after is not None and user <= after:
            continue
        if spoken_of.isdisjoint(subjects(snapshot, user)):
            continue  # nothing allows them anything here: no need to compile that
        found = explain(snapshot, user, question, row)
        if found.allowed:
            yield found


def narrowed(snapshot: Snapshot, question: Question) -> Snapshot:
    """The same policy with only the rules that can have a say in this question."""
    objects = {question.object, question.field, ANY}
    actions = {question.action, ANY} | ({"read"} if question.field else set())
    rules = (r for r in snapshot.rules if r.object in objects and r.action in actions)
    return replace(snapshot, rules=tuple(rules))


def _scope(permissions: Permissions, user: UUID, question: Question) -> Scope | None:
    try:
        return permissions.allow(Actor(user), question.object, question.action)
    except Denied:
        return None


def _outcome(
    snapshot: Snapshot,
    user: UUID,
    question: Question,
    scope: Scope | None,
    permissions: Permissions,
    row: RowAccess | None,
) -> Outcome:
    if scope is None:
        member = snapshot.users.get(user)
        if member is None:
            return Outcome.UNKNOWN_USER
        if not member.active:
            return Outcome.SUSPENDED
        denied = permissions.denials(question.object, question.action)
        return Outcome.DENY_RULE if denied else Outcome.NO_RULE
    if row is None:
        return Outcome.ALLOWED if scope.everything else Outcome.DEPENDS_ON_ROW
    return Outcome.ALLOWED if scope.sees(row) else Outcome.ROW_OUT_OF_REACH


def _visibility(scope: Scope | None, field: str, row: RowAccess | None) -> Visibility:
    """How open the field is on this row; without a row, on the row where it is most open."""
    if scope is None:
        return Visibility.HIDDEN
    if row is not None:
        return scope.redactor(field)(row, "").visibility
    grants = by_openness(scope.permissions.grants(field, "read"))
    return redact(grants[0].redaction, "").visibility if grants else Visibility.HIDDEN


def _everywhere(permissions: Permissions, field: str) -> bool:
    return "all" in by_openness(permissions.grants(field, "read"))[0].rows


def _lines(
    snapshot: Snapshot, permissions: Permissions, question: Question, row: RowAccess | None
) -> Iterator[Line]:
    """What has a say about the object, then what has a say about the field."""
    paths = subjects(snapshot, permissions.user_id)
    asked = [(question.object, question.action)]
    if question.field is not None:
        asked.append((question.field, "read"))
    for index, (object, action) in enumerate(asked):
        denials = permissions.denials(object, action)
        for rule in _denying(snapshot, paths):
            if (rule.object, rule.action) in denials:
                yield Line(rule, paths[rule.subject], (), decides=True)
        if denials:
            continue
        grants = permissions.grants(object, action)
        settled = False
        for grant in by_openness(grants) if index else grants:
            conditions = tuple(
                Condition(part, _holds(part, permissions, row))
                for part in grant.rule.rows.split("+")
            )
            meets = row is None or any(one.holds for one in conditions)
            # Rules about an object add up; of those about a field the most open one counts.
            yield Line(grant.rule, paths[grant.rule.subject], conditions, meets and not settled)
            settled = settled or bool(index and meets and row is not None)


def _denying(snapshot: Snapshot, names: Container[str]) -> Iterator[Rule]:
    return (rule for rule in snapshot.rules if rule.effect == DENY and rule.subject in names)


def _holds(part: str, permissions: Permissions, row: RowAccess | None) -> bool | None:
    return None if row is None else reaches({part}, permissions.user_id, permissions, row)
