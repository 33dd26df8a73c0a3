"""Edit one rule: a changeset of one change that is published in the same transaction.

These commands stay beside changesets for what is small and urgent (to revoke a right now). Where
changes must be reviewed they are refused, or they would be the way around the review.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.errors import NotFound
from chassis.idempotency import run_idempotent
from chassis.policy.rules import Rule
from chassis.policy.scope import Scope
from identity.core.commands import policy_version
from identity.core.domain.ids import RuleId
from identity.policy.commands.publication import publish_change, review_required
from identity.policy.domain.changeset import Change, line
from identity.policy.store import rule as store
from identity.policy.store.rule import RuleRow


@dataclass(frozen=True, slots=True)
class Edited:
    """The rule that was edited, and the policy version after it."""

    id: RuleId
    version: int


def add_rule(
    session: Session,
    scope: Scope,
    rule: Rule,
    expected: int,
    key: str | None = None,
    *,
    review: bool = False,
) -> Edited:
    """Add a rule; a repeat with the same key returns the answer of the first call.

    Raises `BadInput`, `Conflict` for another policy version, and `Denied` where `review` is
    required.
    """

    def run() -> dict[str, Any]:
        _hold(session, expected, review)
        change = Change(None, None, rule)
        id, version = publish_change(session, scope, "Add a rule", change, field="input")
        return {"id": str(id), "version": version}

    request = [line(rule), expected]
    answer = run_idempotent(session, scope.actor.user_id, key, "addRule", run, request=request)
    return Edited(RuleId(UUID(answer["id"])), int(answer["version"]))


def update_rule(
    session: Session, scope: Scope, id: RuleId, rule: Rule, expected: int, *, review: bool = False
) -> Edited:
    """Replace a rule; the same rule changes nothing. Raises as `add_rule`, and `NotFound`."""
    version = _hold(session, expected, review)
    change = Change(id, _present(session, id).rule, rule)
    if not change.idle:
        _, version = publish_change(session, scope, "Change a rule", change, field="input")
    return Edited(id, version)


def remove_rule(
    session: Session, scope: Scope, id: RuleId, expected: int, *, review: bool = False
) -> Edited:
    """Remove a rule. Raises as `add_rule`, and `NotFound`."""
    _hold(session, expected, review)
    change = Change(id, _present(session, id).rule, None)
    return Edited(*publish_change(session, scope, "Remove a rule", change, field="id"))


def _hold(session: Session, expected: int, review: bool) -> int:
    if review:
        raise review_required()
    return policy_version.hold(session, expected)


def _present(session: Session, id: RuleId) -> RuleRow:
    row = store.by_id(session, id)
    if row is None:
        raise NotFound(f"No rule {id} exists.", f"未找到规则 {id}。", field="id")
    return row
