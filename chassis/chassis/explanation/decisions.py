"""Why somebody may or may not do something: asked of the same Scope that a service spends.

The verdict is never worked out a second time here. What is added is the reason: which rules speak
of the person, by which chain of roles, and which conditions of a row hold.
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
    """The verdict, and for a no what it comes from."""

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
    """May it be done to the object? With a field (a coordinate): is it shown, and how open?"""

    object: str
    action: str
    field: str | None = None
    within: str | None = None
    """The object through which this one is reached: who may not read that reads nothing of it."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One row scope of a rule, and whether the row meets it; `None` if no row was asked about."""

    rows: str
    holds: bool | None


@dataclass(frozen=True, slots=True)
class Line:
    """A rule that speaks of this person, or of `giver` for whom they act, and this question."""

    rule: Rule
    roles: tuple[str, ...]
    conditions: tuple[Condition, ...]
    decides: bool
    giver: UUID | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """The verdict for one person with everything it comes from."""

    user_id: UUID
    version: int
    outcome: Outcome
    redaction: str | None
    """What the field is shown under; of no field, nothing."""
    lines: tuple[Line, ...]
    until: float = FOR_EVER
    """When something that it rests on begins or ends by itself."""

    @property
    def visibility(self) -> Visibility | None:
        """How much of the field that leaves."""
        return redact(self.redaction, "").visibility if self.redaction else None

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
    if question.within is not None and outcome in (Outcome.ALLOWED, Outcome.DEPENDS_ON_ROW):
        around = Question(question.within, "read")
        reached = _scope(permissions, user, around)
        above = _outcome(snapshot, user, around, reached, permissions, row)
        outcome = outcome if above is Outcome.ALLOWED else above
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
    """Everybody who may, by their ids, each with the reason."""
    snapshot = narrowed(snapshot, question)
    spoken_of = {rule.subject for rule in snapshot.rules if rule.effect != DENY}
    standing_in = {one.taker for one in snapshot.delegations}
    for user in sorted(snapshot.users):
        if after is not None and user <= after:
            continue
        if user not in standing_in and spoken_of.isdisjoint(subjects(snapshot, user)):
            continue  # nothing allows them anything here: no need to compile that
        found = explain(snapshot, user, question, row)
        if found.allowed:
            yield found


def narrowed(snapshot: Snapshot, question: Question) -> Snapshot:
    """The same policy with only the rules that can have a say in this question."""
    objects = {question.object, question.field, question.within, ANY}
    actions = {question.action, ANY}
    if question.field or question.within:
        actions.add("read")
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
        if not member.is_active_at(time.time()):
            return Outcome.ENDED
        denied = permissions.denials(question.object, question.action)
        return Outcome.DENY_RULE if denied else Outcome.NO_RULE
    if row is None:
        return Outcome.ALLOWED if scope.everything else Outcome.DEPENDS_ON_ROW
    return Outcome.ALLOWED if scope.sees(row) else Outcome.ROW_OUT_OF_REACH


def _redaction(scope: Scope | None, field: str, row: RowAccess | None) -> str:
    """What the field is shown under on this row; without a row, on the row where it is most open."""
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
    """What has a say about the object around it, about the object, then about the field."""
    paths = permissions.principal.names
    asked = [(question.object, question.action)]
    if question.within is not None:
        asked.insert(0, (question.within, "read"))
    if question.field is not None:
        asked.append((question.field, "read"))
    for object, action in asked:
        of_field = object == question.field
        denials = permissions.denials(object, action)
        for rule in _denying(snapshot, paths.keys()):
            if (rule.object, rule.action) in denials:
                yield Line(rule, paths[rule.subject], (), decides=True)
        if denials:
            continue
        grants = permissions.grants(object, action)
        settled = False
        for grant in by_openness(grants) if of_field else grants:
            conditions = tuple(
                Condition(part, None if row is None else grant.principal.reaches({part}, row))
                for part in grant.rule.rows.split("+")
            )
            meets = row is None or any(one.holds for one in conditions)
            # Rules about an object add up; of those about a field the most open one counts.
            yield _line(permissions, grant, conditions, meets and not settled)
            settled = settled or (of_field and meets and row is not None)


def _line(
    permissions: Permissions, grant: Grant, conditions: tuple[Condition, ...], decides: bool
) -> Line:
    principal = grant.principal
    giver = None if principal is permissions.principal else principal.user_id
    return Line(grant.rule, principal.names[grant.rule.subject], conditions, decides, giver)


def _denying(snapshot: Snapshot, names: Set[str]) -> Iterator[Rule]:
    return (rule for rule in snapshot.rules if rule.effect == DENY and rule.subject in names)
