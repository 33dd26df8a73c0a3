"""Explain why a user may or may not do something, by the same Scope that services use.

The verdict is not computed by other code here. What is added is the reason: which rules apply to
the user, by which chain of roles, and which conditions of a row hold.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Set
from dataclasses import dataclass, replace
from enum import Enum
from uuid import UUID

from chassis.actor import Actor
from chassis.errors import Denied
from chassis.policy.compiling import compile_rules
from chassis.policy.masks import Visibility, redact
from chassis.policy.row_scopes import RowAccess
from chassis.policy.rules import ANY, DENY, FOR_EVER, Rule, Snapshot, subjects
from chassis.policy.scope import Grant, Permissions, Scope, by_openness


class Outcome(Enum):
    """The verdict, and the cause of a denial."""

    ALLOWED = "ALLOWED"
    DEPENDS_ON_ROW = "DEPENDS_ON_ROW"
    UNKNOWN_USER = "UNKNOWN_USER"
    SUSPENDED = "SUSPENDED"
    ENDED = "ENDED"
    NO_RULE = "NO_RULE"
    DENY_RULE = "DENY_RULE"
    ROW_OUT_OF_REACH = "ROW_OUT_OF_REACH"
    HIDDEN = "HIDDEN"


@dataclass(frozen=True, slots=True)
class Question:
    """Whether an action on an object is allowed; with a field (a coordinate), how it is shown."""

    object: str
    action: str
    field: str | None = None
    within: str | None = None
    """The object through which this one is read; without a right to that, nothing is readable."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A row scope of a rule, and whether the row meets it; `None` without a row."""

    rows: str
    holds: bool | None


@dataclass(frozen=True, slots=True)
class Line:
    """A rule that applies to the question, for the user or for `giver`, for whom they act."""

    rule: Rule
    roles: tuple[str, ...]
    conditions: tuple[Condition, ...]
    decides: bool
    giver: UUID | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """The verdict for a user with its reasons."""

    user_id: UUID
    version: int
    outcome: Outcome
    redaction: str | None
    """The redaction of the field; `None` for a question without a field."""
    lines: tuple[Line, ...]
    until: float = FOR_EVER
    """The next moment at which the verdict may change by itself."""

    @property
    def visibility(self) -> Visibility | None:
        """Return how much of the field is shown, or `None` without a field."""
        return redact(self.redaction, "").visibility if self.redaction else None

    @property
    def allowed(self) -> bool:
        """Return whether the action is allowed on the row; without a row, on any row."""
        return self.outcome in (Outcome.ALLOWED, Outcome.DEPENDS_ON_ROW)


def explain(
    snapshot: Snapshot, user: UUID, question: Question, row: RowAccess | None = None
) -> Explanation:
    """Return the verdict of a policy for a user, about one row or about any."""
    snapshot = narrowed(snapshot, question)
    permissions = compile_rules(snapshot, user)
    scope = _scope(permissions, user, question)
    outcome = _outcome(snapshot, user, question, scope, permissions, row)
    if question.within is not None and outcome in (Outcome.ALLOWED, Outcome.DEPENDS_ON_ROW):
        outer = Question(question.within, "read")
        outer_scope = _scope(permissions, user, outer)
        outer_outcome = _outcome(snapshot, user, outer, outer_scope, permissions, row)
        outcome = outcome if outer_outcome is Outcome.ALLOWED else outer_outcome
    redaction = None
    if question.field is not None:
        redaction = _redaction(scope, question.field, row)
        if outcome not in (Outcome.ALLOWED, Outcome.DEPENDS_ON_ROW):
            redaction = "hidden"
        elif redaction == "hidden":
            outcome = Outcome.HIDDEN
        elif row is None and not _everywhere(permissions, question.field):
            outcome = Outcome.DEPENDS_ON_ROW
    lines = tuple(_lines(snapshot, permissions, question, row))
    until = permissions.until
    return Explanation(user, snapshot.version, outcome, redaction, lines, until)


def holders(
    snapshot: Snapshot,
    question: Question,
    row: RowAccess | None = None,
    *,
    after: UUID | None = None,
) -> Iterator[Explanation]:
    """Yield the explanations of all users who are allowed, in order of id, after `after`."""
    snapshot = narrowed(snapshot, question)
    subjects_of_rules = {rule.subject for rule in snapshot.rules if rule.effect != DENY}
    takers = {delegation.taker for delegation in snapshot.delegations}
    for user in sorted(snapshot.users):
        if after is not None and user <= after:
            continue
        if user not in takers and subjects_of_rules.isdisjoint(subjects(snapshot, user)):
            continue  # no rule names the user: no need to compile
        explanation = explain(snapshot, user, question, row)
        if explanation.allowed:
            yield explanation


def narrowed(snapshot: Snapshot, question: Question) -> Snapshot:
    """Return the policy with only the rules that can apply to a question."""
    objects = {question.object, question.field, question.within, ANY}
    actions = {question.action, ANY}
    if question.field or question.within:
        actions.add("read")
    rules = (rule for rule in snapshot.rules if rule.object in objects and rule.action in actions)
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
        if not member.is_active_at(time.time()):
            return Outcome.ENDED
        denied = permissions.denials(question.object, question.action)
        return Outcome.DENY_RULE if denied else Outcome.NO_RULE
    if row is None:
        return Outcome.ALLOWED if scope.everything else Outcome.DEPENDS_ON_ROW
    return Outcome.ALLOWED if scope.sees(row) else Outcome.ROW_OUT_OF_REACH


def _redaction(scope: Scope | None, field: str, row: RowAccess | None) -> str:
    """Return the redaction of a field on a row; without a row, the most open one of any row."""
    if scope is None:
        return "hidden"
    if row is not None:
        return scope.redaction(field)(row)
    grants = by_openness(scope.permissions.grants(field, "read"))
    return grants[0].redaction if grants else "hidden"


def _everywhere(permissions: Permissions, field: str) -> bool:
    return by_openness(permissions.grants(field, "read"))[0].everywhere


def _lines(
    snapshot: Snapshot, permissions: Permissions, question: Question, row: RowAccess | None
) -> Iterator[Line]:
    """Yield the rules about the outer object, about the object, then about the field."""
    paths = permissions.principal.names
    pairs = [(question.object, question.action)]
    if question.within is not None:
        pairs.insert(0, (question.within, "read"))
    if question.field is not None:
        pairs.append((question.field, "read"))
    for object, action in pairs:
        of_field = object == question.field
        denials = permissions.denials(object, action)
        for rule in _denying(snapshot, paths.keys()):
            if (rule.object, rule.action) in denials:
                yield Line(rule, paths[rule.subject], (), decides=True)
        if denials:
            continue
        grants = permissions.grants(object, action)
        decided = False
        for grant in by_openness(grants) if of_field else grants:
            conditions = tuple(
                Condition(part, None if row is None else grant.principal.reaches({part}, row))
                for part in grant.rule.rows.split("+")
            )
            meets = row is None or any(condition.holds for condition in conditions)
            # Rules about an object add up; of those about a field the most open one applies.
            yield _line(permissions, grant, conditions, meets and not decided)
            decided = decided or (of_field and meets and row is not None)


def _line(
    permissions: Permissions, grant: Grant, conditions: tuple[Condition, ...], decides: bool
) -> Line:
    principal = grant.principal
    giver = None if principal is permissions.principal else principal.user_id
    return Line(grant.rule, principal.names[grant.rule.subject], conditions, decides, giver)


def _denying(snapshot: Snapshot, names: Set[str]) -> Iterator[Rule]:
    return (rule for rule in snapshot.rules if rule.effect == DENY and rule.subject in names)
